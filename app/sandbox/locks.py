"""File locks between processes: they vanish with their holder, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: then two processes may make the same file, which costs time and nothing else
    fcntl = None  # type: ignore[assignment]  # the name must exist


@contextmanager
def held(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Holds an exclusive lock on this file (made if missing) for the block; yields False when another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield _taken(descriptor, wait)
    finally:
        os.close(descriptor)


@contextmanager
def one_of(paths: list[Path]) -> Iterator[None]:
    """Holds one of these locks for the block: the first free one, else it waits for the first of them."""
    for path in paths[1:]:
        with held(path) as got:
            if got:
                yield
                return
    with held(paths[0], wait=True):
        yield


def _taken(descriptor: int, wait: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

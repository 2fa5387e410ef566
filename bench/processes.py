"""Processes pinned to a core, and what they cost according to Linux's /proc."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent

_ADDRESS = re.compile(r"http://127\.0\.0\.1:[0-9]+")
_START_SECONDS, _STOP_SECONDS = 60.0, 60.0
_TICKS = os.sysconf("SC_CLK_TCK")  # per second
_PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")  # neither settings nor vendor credentials of whoever runs this


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server under test, one for everything around it; the same one where there is no other."""

    server: int
    around: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server process. One process: what its children do is not counted."""

    name: str
    process: subprocess.Popen[bytes]
    base: str

    def cpu_seconds(self) -> float:
        """User and system time so far, of all threads; a tick of the clock (10 ms) exact."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS  # utime and stime: fields 14 and 15 of proc(5)

    def resident_mb(self) -> float:
        """Resident memory at this moment, in MB."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE / 1e6


def two_cores() -> Cores:
    """The last core for the server, the first for the rest: interrupts tend to be served by the first."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(server=usable[-1], around=usable[0])


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Processes that are started inside the block stay on this core: affinity is inherited."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    core: int,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    started_in: Path = ROOT,
) -> Iterator[Server]:
    """Starts a server that prints its address, waits for that line, and stops it at the end; its output goes to `folder`."""
    log = folder / f"{name}.log"
    inherited = {variable: os.environ[variable] for variable in _INHERITED if variable in os.environ}
    with log.open("wb") as output, pinned(core):
        process = subprocess.Popen(
            command, cwd=started_in, env={**inherited, **(environment or {})}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Server(name, process, _address(name, process, log))
    finally:
        _stop(process)


def _address(name: str, process: subprocess.Popen[bytes], log: Path) -> str:
    ends = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        found = _ADDRESS.search(log.read_text(errors="replace"))
        if found:
            return found[0]
        time.sleep(0.05)
    raise RuntimeError(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

"""Keeps files: results that should outlive their vendor's link, and uploads that a vendor will fetch."""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from app.domain.errors import NotFound
from app.engine.sniff import extension_of, mime_of_extension

CHUNK = 256 * 1024  # bytes read at a time
_BATCH = 1024 * 1024  # bytes gathered before a thread writes them
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,120}\.[a-z0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Asset:
    """A stored file: its opaque name, size in bytes and media type; `sha256` is known right after storing."""

    name: str
    size: int
    mime: str
    sha256: str | None = None


class Assets(Protocol):
    """A place for files. Every method raises NotFound for a name that it does not hold, `delete` excepted."""

    async def put(self, name_hint: str, chunks: AsyncIterator[bytes] | bytes, mime: str) -> Asset:
        """Store a file, whole or not at all; `name_hint` helps an operator to recognise it."""

    def open(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `end` (exclusive; None is the end of the file)."""

    async def stat(self, name: str) -> Asset:
        """Size and media type."""

    async def delete(self, name: str) -> None:
        """Remove it, if it is there."""


class FolderAssets:
    """Files in a folder, written to a temporary name and renamed, so that a name always means a whole file."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name_hint: str, chunks: AsyncIterator[bytes] | bytes, mime: str) -> Asset:
        name = f"{_slug(name_hint)}-{secrets.token_hex(16)}.{extension_of(mime)}"
        final = self.path(name)
        draft = _Draft(final)
        try:
            await asyncio.to_thread(draft.open)
            async for batch in _batches(chunks):
                await asyncio.to_thread(draft.write, batch)
            await asyncio.to_thread(draft.finish)
        except BaseException:
            draft.discard()
            raise
        return Asset(name, draft.size, mime, draft.digest.hexdigest())

    async def open(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        file = await asyncio.to_thread(_opened, self.path(name), start)
        try:
            left = None if end is None else end - start
            while left is None or left > 0:
                chunk = await asyncio.to_thread(file.read, CHUNK if left is None else min(CHUNK, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk
        finally:
            file.close()

    async def stat(self, name: str) -> Asset:
        path = self.path(name)
        try:
            found = await asyncio.to_thread(path.stat)
        except FileNotFoundError as error:
            raise _missing() from error
        return Asset(name, found.st_size, mime_of_extension(path.suffix[1:]) or "application/octet-stream")

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self.path(name).unlink, missing_ok=True)

    def path(self, name: str) -> Path:
        """Where the file lies; raises NotFound for anything but a name of ours, so that no name leaves the folder."""
        if _NAME.fullmatch(name) is None:
            raise _missing()
        return self._root / hashlib.sha256(name.encode()).hexdigest()[:2] / name


class _Draft:
    """A file being written; every method but `discard` blocks and belongs in a thread."""

    def __init__(self, final: Path) -> None:
        self._final = final
        self._draft = final.with_name(f".{final.name}.part")
        self._file: BinaryIO | None = None
        self.size = 0
        self.digest = hashlib.sha256()

    def open(self) -> None:
        self._final.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._draft.open("xb")

    def write(self, data: bytes) -> None:
        assert self._file is not None  # noqa: S101 - `open` comes first
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)

    def finish(self) -> None:
        assert self._file is not None  # noqa: S101 - `open` comes first
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self._final)
        folder = os.open(self._final.parent, os.O_RDONLY)  # the rename itself must reach the disk too
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
        with suppress(FileNotFoundError):
            self._draft.unlink()


async def _batches(chunks: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
    if isinstance(chunks, bytes):
        yield chunks
        return
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _BATCH:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def _opened(path: Path, start: int) -> BinaryIO:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise _missing() from error
    file.seek(start)
    return file


def _slug(hint: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", hint.lower()).strip("-_")[:40] or "file"


def _missing() -> NotFound:
    return NotFound("There is no such file.")

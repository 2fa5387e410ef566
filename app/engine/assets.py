"""Keeps files: results that should outlive their vendor's link, and uploads that a vendor will fetch."""

import asyncio
import errno
import hashlib
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Literal, Protocol

from app.domain.errors import NotFound
from app.engine.sniff import extension_of, mime_of_extension

CHUNK = 256 * 1024  # bytes read at a time
UNKNOWN_MIME = "application/octet-stream"
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
    """A place for files. Every method raises NotFound for a name that it does not hold, `delete` and `presigned` excepted.

    What keeps it from working at all (a full disk, a network that is down, a wrong credential) is an OSError.
    """

    async def put(self, name_hint: str, chunks: AsyncIterator[bytes] | bytes, mime: str) -> Asset:
        """Store a file, whole or not at all; `name_hint` helps an operator to recognise it."""

    def open(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `end` (exclusive; None is the end of the file)."""

    async def stat(self, name: str) -> Asset:
        """Size and media type."""

    async def delete(self, name: str) -> None:
        """Remove it, if it is there."""

    async def presigned(self, name: str, lifetime: timedelta, method: Literal["GET", "HEAD"] = "GET") -> str | None:
        """A URL at which anyone may read it for so long without us; None where there is no such thing."""


class FolderAssets:
    """Files in a folder, written to a temporary name and renamed, so that a name always means a whole file."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        """The folder itself."""
        return self._root

    async def put(self, name_hint: str, chunks: AsyncIterator[bytes] | bytes, mime: str) -> Asset:
        name = new_name(name_hint, mime)
        draft = _Draft(f"{self._root}/{place_of(name)}")
        try:
            last: bytes | None = None
            async for batch in batches(chunks, _BATCH):
                if last is not None:
                    await asyncio.to_thread(draft.write, last)
                last = batch
            await asyncio.to_thread(draft.finish, last or b"")  # most pictures are one batch: one thread's visit for all of it
        except BaseException:
            draft.discard()
            raise
        return Asset(name, draft.size, mime, draft.digest.hexdigest())

    async def open(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        file = _Reading()
        try:
            await asyncio.to_thread(file.open, self.path(name), start)
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
            raise missing() from error
        return Asset(name, found.st_size, mime_of_name(name))

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self.path(name).unlink, missing_ok=True)

    async def presigned(self, name: str, lifetime: timedelta, method: Literal["GET", "HEAD"] = "GET") -> str | None:
        return None

    def path(self, name: str) -> Path:
        """Where the file lies; raises NotFound for anything but a name of ours, so that no name leaves the folder."""
        return self._root / place_of(name)


class _Reading:
    """A file being read; `open` and `read` block and belong in a thread, which may still be opening when nobody waits for it."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._closed = False
        self._changing = Lock()

    def open(self, path: Path, start: int) -> None:
        file = _opened(path, start)
        with self._changing:
            self._file = file
            if self._closed:
                file.close()

    def read(self, size: int) -> bytes:
        assert self._file is not None  # noqa: S101 - `open` comes first
        return self._file.read(size)

    def close(self) -> None:
        with self._changing:
            self._closed = True
            if self._file is not None:
                self._file.close()


class _Draft:
    """A file being written; every method but `discard` blocks and belongs in a thread, which `discard` does not wait for."""

    # paths as plain text: a small picture's file costs half of what it does by way of `pathlib`

    def __init__(self, final: str) -> None:
        self._final = final
        self._folder, name = os.path.split(final)
        self._draft = f"{self._folder}/.{name}.part"
        self._file: BinaryIO | None = None
        self._discarded = False
        self._changing = Lock()
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        file = self._file or self._opened()
        file.write(data)
        self.digest.update(data)
        self.size += len(data)

    def finish(self, data: bytes) -> None:
        """Writes what is left, and gives the file its name once all of it is on the disk."""
        self.write(data)
        file = self._file or self._opened()
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(self._draft, self._final)
        folder = os.open(self._folder, os.O_RDONLY)  # the rename itself must reach the disk too
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _opened(self) -> BinaryIO:
        with self._changing:
            if self._discarded:
                raise OSError(errno.ECANCELED, "nobody waits for this file any more")
            try:
                self._file = _new(self._draft)
            except FileNotFoundError:  # the first file in its folder
                os.makedirs(self._folder, exist_ok=True)
                self._file = _new(self._draft)
            return self._file

    def discard(self) -> None:
        with self._changing:
            self._discarded = True
            if self._file is not None:
                self._file.close()
        with suppress(FileNotFoundError):
            os.unlink(self._draft)


async def batches(chunks: AsyncIterator[bytes] | bytes, size: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of at least `size`, the last one excepted; one piece at least."""
    if isinstance(chunks, bytes):
        yield chunks
        return
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= size:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def new_name(hint: str, mime: str) -> str:
    """An opaque name that nobody has yet; it starts as the hint does and ends as files of the media type do."""
    return f"{_slug(hint)}-{secrets.token_hex(16)}.{extension_of(mime)}"


def place_of(name: str) -> str:
    """The path of a file in its storage, spread over 256 folders; raises NotFound for anything but a name of ours."""
    if _NAME.fullmatch(name) is None:
        raise missing()
    return f"{hashlib.sha256(name.encode()).hexdigest()[:2]}/{name}"


def mime_of_name(name: str) -> str:
    """The media type that a name of ours ends with."""
    return mime_of_extension(name.rpartition(".")[2]) or UNKNOWN_MIME


def _new(path: str) -> BinaryIO:
    return open(path, "xb")  # whoever writes it closes it


def _opened(path: Path, start: int) -> BinaryIO:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise missing() from error
    file.seek(start)
    return file


def _slug(hint: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", hint.lower()).strip("-_")[:40] or "file"


def missing() -> NotFound:
    """What to raise for a name that a storage does not hold."""
    return NotFound("There is no such file.")

"""Has pictures made of films, each in a process of its own that is ended when it takes too long."""

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from app.domain.errors import UpstreamError
from app.engine.content import Content
from app.engine.sniff import HEAD, mime_of

LARGEST_FILM = 1024**3  # bytes
FETCH_SECONDS = 300.0
MAKE_SECONDS = 60.0

_BATCH = 1024 * 1024  # bytes gathered before a thread writes them
_CHUNK = 256 * 1024  # bytes read at a time
_REASON = 300  # characters of it
_AHEAD = 2  # films that are fetched while others are looked into
_UNREADABLE = 65  # see film_process.py
_ROOT = Path(__file__).parents[2]  # where the package `app` lies, so that the process finds it from any working directory
# all that a decoder of hostile files is told: neither settings nor credentials
_INHERITED = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG")
_log = logging.getLogger(__name__)

Opening = Callable[[], Awaitable[Content]]  # starts to read a film from its beginning


class NothingMade(Exception):
    """Nothing can be made of this film; the message says why, as a sentence for the client."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, in a file without a name that goes when it is closed."""

    file: BinaryIO
    size: int
    mime: str

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes from the start."""
        await asyncio.to_thread(self.file.seek, 0)
        while chunk := await asyncio.to_thread(self.file.read, _CHUNK):
            yield chunk


@dataclass(frozen=True, slots=True)
class Command:
    """The process that makes a variant, and how long it may take (seconds)."""

    arguments: tuple[str, ...] = (sys.executable, "-m", "app.engine.film_process")
    seconds: float = MAKE_SECONDS
    environment: Mapping[str, str] = field(
        default_factory=lambda: {name: os.environ[name] for name in _INHERITED if name in os.environ}
    )


class Films:
    """At most `most` processes at a time (default: the machine's cores less one), over films that lie in `folder` meanwhile.

    Those files have no name: whatever becomes of this process, the system takes them away.
    """

    def __init__(
        self, folder: Path, most: int | None = None, *, largest: int = LARGEST_FILM, command: Command | None = None
    ) -> None:
        processes = most or max(1, (os.cpu_count() or 1) - 1)
        self._folder, self._largest, self._command = folder, largest, command or Command()
        self._processes = asyncio.Semaphore(processes)
        self._films = asyncio.Semaphore(processes + _AHEAD)

    async def make(self, variant: str, content: Opening) -> Made:
        """The variant of the film that `content` opens; the caller closes its file.

        Raises NothingMade for a film that is too large or broken, UpstreamError for one that does not come, and what the opening
        raises.
        """
        async with self._films:
            film = await asyncio.to_thread(self._unnamed)
            try:
                await self._fetch(content, film)
                async with self._processes:
                    return await self._made(variant, film)
            finally:
                film.close()

    def _unnamed(self) -> BinaryIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=self._folder)

    async def _fetch(self, opening: Opening, film: BinaryIO) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                content = await opening()
                try:
                    await self._write(content, film)
                finally:
                    await content.close()
        except TimeoutError as error:
            raise UpstreamError("The film could not be fetched in time.", code="upstream_timeout") from error
        await asyncio.to_thread(film.seek, 0)

    async def _write(self, content: Content, film: BinaryIO) -> None:
        size, waiting = 0, bytearray()
        async for chunk in content.chunks:
            size += len(chunk)
            if size > self._largest:
                raise self._too_large()
            waiting += chunk
            if len(waiting) >= _BATCH:
                await asyncio.to_thread(film.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(film.write, bytes(waiting))

    def _too_large(self) -> NothingMade:
        return NothingMade(f"It has more than {self._largest} bytes.")

    async def _made(self, variant: str, film: BinaryIO) -> Made:
        target = await asyncio.to_thread(self._unnamed)
        try:
            await self._run(variant, film, target)
            size = await asyncio.to_thread(target.seek, 0, os.SEEK_END)
            await asyncio.to_thread(target.seek, 0)
            mime = mime_of(await asyncio.to_thread(target.read, HEAD))
            if mime is None:
                raise NothingMade("Nothing came of it.")
        except BaseException:
            target.close()
            raise
        return Made(target, size, mime)

    async def _run(self, variant: str, film: BinaryIO, target: BinaryIO) -> None:
        with tempfile.TemporaryFile(dir=self._folder) as errors:
            try:
                async with asyncio.timeout(self._command.seconds):
                    code = await self._process(variant, film, target, errors)
            except TimeoutError as error:
                _log.warning("a %s was not made within %g seconds", variant, self._command.seconds)
                raise NothingMade("It takes too long to decode.") from error
            said = await asyncio.to_thread(_said, errors)
        if code == _UNREADABLE:
            raise NothingMade(said)
        if code != 0:
            _log.warning("the process that makes a %s ended with code %s: %s", variant, code, said)
            raise NothingMade("It cannot be decoded.")

    async def _process(self, variant: str, film: BinaryIO, target: BinaryIO, errors: BinaryIO) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command.arguments,
            variant,
            stdin=film,
            stdout=target,
            stderr=errors,
            cwd=_ROOT,
            env=dict(self._command.environment),
            start_new_session=True,  # an interrupt at the terminal is for the server, which ends its processes itself
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def _said(errors: BinaryIO) -> str:
    """The end of what the process wrote to stderr."""
    errors.seek(max(errors.seek(0, os.SEEK_END) - _REASON, 0))
    return errors.read().decode("utf-8", "replace").strip()

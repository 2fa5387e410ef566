"""Serves the sandbox's results with byte ranges, read off the event loop; forgets them after a day."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import httpx

from app.sandbox.spec import MIMES, is_file_name

KEPT_SECONDS = 86_400  # as long as most vendors' links live
_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class FileBody(httpx.AsyncByteStream):
    """Part of an open file as a response body; closing it closes the file."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file, self._start, self._left = file, start, length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.to_thread(self._file.seek, self._start)
        while self._left > 0:
            chunk = await asyncio.to_thread(self._file.read, min(_CHUNK, self._left))
            if not chunk:
                return
            self._left -= len(chunk)
            yield chunk

    async def aclose(self) -> None:
        self._file.close()


async def answer_file(folder: Path, name: str, request: httpx.Request) -> httpx.Response | None:
    """The answer to GET or HEAD of this result; None when there is no such file."""
    if not is_file_name(name):
        return None
    try:
        file = await asyncio.to_thread((folder / name).open, "rb")
    except FileNotFoundError:
        return None
    facts = os.fstat(file.fileno())
    etag = f'"{facts.st_size:x}-{facts.st_mtime_ns:x}"'
    headers = {"content-type": MIMES[name.rpartition(".")[2]], "accept-ranges": "bytes", "etag": etag}
    span = _span(request, facts.st_size, etag)
    if span is None or request.method == "HEAD":
        file.close()
        length = facts.st_size if span else 0
        extra = {"content-length": str(length)} if span else {"content-range": f"bytes */{facts.st_size}"}
        return httpx.Response(200 if span else 416, headers={**headers, **extra})
    start, end = span
    headers["content-length"] = str(end - start)
    if end - start == facts.st_size:
        return httpx.Response(200, headers=headers, stream=FileBody(file, start, end - start))
    headers["content-range"] = f"bytes {start}-{end - 1}/{facts.st_size}"
    return httpx.Response(206, headers=headers, stream=FileBody(file, start, end - start))


def _span(request: httpx.Request, size: int, etag: str) -> tuple[int, int] | None:
    """First byte and the byte after the last; the whole file unless one satisfiable range is asked for, None for 416."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or not any(match.groups()) or request.headers.get("if-range", etag) != etag:
        return 0, size
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    return (start, end) if start < end else None


def remove_old(folder: Path) -> None:
    """Deletes what was last written a day ago: results, cancel marks, and leftovers of renders that died."""
    limit = time.time() - KEPT_SECONDS  # file times come from this clock, whatever clock the service was given
    for path in folder.glob("*") if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another process sweeps too
            if path.is_file() and path.stat().st_mtime < limit:
                path.unlink()

"""Streams one output of a finished job to a client: ranges, validators, headers of our own making."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email.utils import format_datetime
from hashlib import sha256
from typing import Literal

from app.domain.errors import NotFound, UpstreamError
from app.domain.jobs import Job, Output
from app.engine.content_source import Body, Sources, Way, find
from app.engine.ranges import matches, parse_range, still_valid
from app.engine.sniff import extension_of

Variant = Literal["video", "thumbnail", "last_frame"]

_MAX_AGE = 3_600  # seconds
_SERVED = re.compile(r"(?:video|audio|image)/[a-z0-9.-]+")  # no "+xml": a picture must not carry script
_USUAL = {"video": "video/mp4", "image": "image/png"}


@dataclass(frozen=True, slots=True)
class Ask:
    """What the client's request says about the bytes that it wants."""

    method: str = "GET"
    range: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None


@dataclass(slots=True)
class Content:
    """An answer to send: 200, 206, 304 or 416. Call `close` when done or when the client has gone; it may be called twice.

    `chunks` raises UpstreamError when the vendor breaks off: the connection to the client must then be cut, not ended.
    `stored` names the file of our storage that the answer is about, where it is about one.
    """

    status: int
    headers: dict[str, str]
    chunks: AsyncIterator[bytes]
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, repr=False)
    stored: str | None = None

    async def close(self) -> None:
        """Let go of the upstream or the file at once."""
        await self._stack.aclose()


async def open_content(job: Job, index: int, ask: Ask, *, way: Way | None, sources: Sources, variant: Variant = "video") -> Content:
    """One output of a job, opened up to its first bytes.

    `way` None: the channel is gone, only copies and public links remain. Raises NotFound (`video_expired` for a dead link)
    or UpstreamError.
    """
    output = _output(job, index, variant)
    headers = _validators(job, index, variant)
    if matches(ask.if_none_match, headers["ETag"]):
        return Content(304, headers, _nothing())
    ranged = ask.method == "GET" and still_valid(ask.if_range, headers["ETag"], headers["Last-Modified"])
    async with AsyncExitStack() as stack:
        try:
            body = await find(stack, sources, job, output, way, parse_range(ask.range) if ranged else None)
        except UpstreamError as error:
            # "the outcome is unknown" would be said of a create, not of a download
            raise UpstreamError(error.message, status=error.status) from error
        headers.update(_describing(job, index, variant, body))
        if body.chunks is None:
            return Content(416, headers, _nothing(), stored=body.stored)
        status = 206 if body.partial else 200
        if ask.method == "HEAD":
            return Content(status, headers, _nothing(), stored=body.stored)
        kept = stack.pop_all()
        return Content(status, headers, _closing(body.chunks, kept), kept, body.stored)
    raise AssertionError("unreachable")  # pragma: no cover - the stack swallows nothing


def _output(job: Job, index: int, variant: Variant) -> Output:
    if not 0 <= index < len(job.outputs):
        raise NotFound(f"This job has no result number {index}.")
    output = job.outputs[index]
    if variant == "video":
        return output
    url = output.thumbnail_url if variant == "thumbnail" else output.last_frame_url
    if not url:
        raise NotFound(f"This job has no {variant}.")
    return Output(url=url)


def _validators(job: Job, index: int, variant: Variant) -> dict[str, str]:
    # A copy of ours has the very bytes of the vendor's file, so that the tag needs nothing but the output's name.
    tag = sha256(f"{job.id}/{index}/{variant}".encode()).hexdigest()[:32]
    return {
        "ETag": f'"{tag}"',
        "Last-Modified": format_datetime(job.completed_at or job.updated_at, usegmt=True),
        "Cache-Control": f"private, max-age={_MAX_AGE}",
    }


def _describing(job: Job, index: int, variant: Variant, body: Body) -> dict[str, str]:
    usual = _USUAL[job.op] if variant == "video" else "image/jpeg"
    mime = body.mime if body.mime and _SERVED.fullmatch(body.mime) else usual
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", job.id) + (f"-{index}" if index else "") + ("" if variant == "video" else f"-{variant}")
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": mime,
        "Content-Disposition": f'inline; filename="{stem}.{extension_of(mime)}"',
        "X-Content-Type-Options": "nosniff",
    }
    if body.chunks is None:
        headers["Content-Length"] = "0"
        if body.size is not None:
            headers["Content-Range"] = f"bytes */{body.size}"
        return headers
    if body.end is not None:
        headers["Content-Length"] = str(body.end - body.start)
    if body.partial and body.end is not None:
        headers["Content-Range"] = f"bytes {body.start}-{body.end - 1}/{'*' if body.size is None else body.size}"
    return headers


async def _closing(chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await stack.aclose()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""  # makes this a generator

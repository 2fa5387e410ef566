"""Finds the bytes of a job's output: our own copy, inline bytes, the vendor's API, or a link of the vendor."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlencode

from app.adapters.base import Adapter, Call
from app.domain.channels import Credential
from app.domain.errors import NotFound, UpstreamError
from app.domain.jobs import Job, Output
from app.domain.replacing import replace
from app.engine.assets import UNKNOWN_MIME, Assets
from app.engine.data_uris import decode
from app.engine.fetch import MOST_REDIRECTS, Fetcher, Unfetchable
from app.engine.ranges import Span, cut, parse_content_range, unsatisfied_size
from app.engine.sniff import HEAD, mime_of
from app.engine.transport import StreamReply
from app.engine.urls import follow, is_absolute, origin_of, split
from app.engine.vendors import Vendors

IDLE_SECONDS = 60.0  # of silence, after which a vendor's stream is given up
_GONE = frozenset({403, 404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ASKED = frozenset({"accept-encoding", "range", "if-range"})
_TEXTS = ("text/", "application/json", "application/xml", "application/problem+json")
_origin_of_channel = lru_cache(256)(origin_of)  # of a few base URLs, of which each result asks
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """How the vendor of a job is reached: its channel's base URL, its adapter, and the credential that made the job."""

    base_url: str
    adapter: Adapter
    credential: Credential | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where outputs can lie."""

    vendors: Vendors
    fetcher: Fetcher
    assets: Assets


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes to send: `start` to `end` (exclusive, None: unknown) of a file of `size` (None: unknown).

    `chunks` None stands for a range that lies outside the file. `tag` is the vendor's own name for this very file, for an
    `If-Range`, where it gives one; `stored` is the name of the file in our storage that these bytes are read from.
    """

    chunks: AsyncIterator[bytes] | None
    start: int = 0
    end: int | None = None
    size: int | None = None
    mime: str | None = None
    partial: bool = False
    tag: str | None = None
    stored: str | None = None


async def find(
    stack: AsyncExitStack,
    sources: Sources,
    job: Job,
    output: Output,
    way: Way | None,
    span: Span | None,
    *,
    if_range: str | None = None,
) -> Body:
    """The output's bytes, whatever has to be held open on the stack; raises NotFound `video_expired` or UpstreamError.

    With `if_range`, the tag of an earlier answer, another file than that one is an UpstreamError.
    """
    if output.asset:
        try:
            return await _stored(stack, sources.assets, output, span)
        except NotFound as error:
            if not output.url:
                raise _expired() from error
        except OSError as error:
            if not output.url:
                raise UpstreamError("The storage of results does not answer.") from error
            _log.warning("job %s: its copy cannot be read, its vendor is asked: %s", job.id, error)
    if output.data is not None:
        return _inline(output.data, output.mime, span)
    if output.url and output.url[:5].lower() == "data:":
        try:
            return _inline(*decode(output.url), span)
        except ValueError as error:
            raise UpstreamError(f"The vendor's result link {error}.") from error
    answer = await _ask(stack, sources, job, output, way, _ranging(span, if_range))
    tag = _tag(answer)
    if if_range is not None and tag != if_range and (tag is not None or answer.status == 200):
        raise UpstreamError("The vendor's file is another one now.", status=answer.status)
    return replace(await _judged(answer, output, span), tag=tag)


async def _stored(stack: AsyncExitStack, assets: Assets, output: Output, span: Span | None) -> Body:
    name = output.asset or ""
    asset = await assets.stat(name)
    mime = output.mime if asset.mime == UNKNOWN_MIME else asset.mime
    bounds = span.within(asset.size) if span else (0, asset.size)
    if bounds is None:
        return Body(None, size=asset.size, mime=mime, stored=name)
    chunks = assets.open(name, *bounds)
    stack.push_async_callback(chunks.aclose)
    return Body(chunks, *bounds, size=asset.size, mime=mime, partial=span is not None, stored=name)


def _inline(data: bytes, mime: str | None, span: Span | None) -> Body:
    bounds = span.within(len(data)) if span else (0, len(data))
    if bounds is None:
        return Body(None, size=len(data))
    return Body(_once(data[bounds[0] : bounds[1]]), *bounds, len(data), mime_of(data) or mime, span is not None)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _ranging(span: Span | None, if_range: str | None) -> dict[str, str]:
    if span is None:
        return {}
    return {"Range": span.header} | ({"If-Range": if_range} if if_range is not None else {})


def _tag(answer: StreamReply) -> str | None:
    """What an `If-Range` may say; a weak tag says too little."""
    tag = answer.headers.get("etag")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("last-modified")


async def _ask(
    stack: AsyncExitStack, sources: Sources, job: Job, output: Output, way: Way | None, ranging: Mapping[str, str]
) -> StreamReply:
    call = way.adapter.build_download(job, output) if way else Call(path=output.url or "")
    base = way.base_url if way else ""
    call = replace(call, headers={**call.headers, "Accept-Encoding": "identity", **ranging}, timeout=IDLE_SECONDS)
    try:
        if way and (not is_absolute(call.path) or origin_of(call.path) == _origin_of_channel(base)):
            return await _from_channel(stack, sources, call, way)
        return await _from_elsewhere(stack, sources, _url(base, call), call, base)
    except Unfetchable as error:
        raise UpstreamError(f"The vendor's result link {error.message}.") from error
    except UpstreamError as error:
        raise UpstreamError(f"The result could not be fetched: {error.message}") from error


async def _from_channel(stack: AsyncExitStack, sources: Sources, call: Call, way: Way) -> StreamReply:
    for _ in range(MOST_REDIRECTS + 1):
        hop = AsyncExitStack()
        signed = await sources.vendors.signed(way.base_url, way.adapter, way.credential, call) if way.credential else call
        answer = await hop.enter_async_context(sources.vendors.transport.stream(way.base_url, signed))
        location = answer.headers.get("location")
        if answer.status not in _REDIRECTS or not location:
            stack.push_async_exit(hop.__aexit__)
            return answer
        await hop.aclose()
        url = follow(_url(way.base_url, call), location)
        if origin_of(url) != origin_of(way.base_url):
            return await _from_elsewhere(stack, sources, url, call, way.base_url)
        call = replace(call, path=url, query=())
    raise UpstreamError(f"it redirects more than {MOST_REDIRECTS} times.")


async def _from_elsewhere(stack: AsyncExitStack, sources: Sources, url: str, call: Call, base: str) -> StreamReply:
    if not is_absolute(url):
        raise _expired()
    # whatever the adapter put on the call beyond these belongs to its own origin
    headers = {name: value for name, value in call.headers.items() if name.lower() in _ASKED}
    opened = sources.fetcher.open_stream(url, idle=IDLE_SECONDS, headers=headers, own_hosts=_own_hosts(base))
    return await stack.enter_async_context(opened)


async def _judged(answer: StreamReply, output: Output, span: Span | None) -> Body:
    if answer.status in _GONE:
        raise _expired()
    declared = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status == 416 and span is not None:
        return Body(None, size=unsatisfied_size(answer.headers.get("content-range")))
    if answer.status == 206 and span is not None:
        return await _part(answer, output, span, declared)
    if answer.status != 200:
        raise UpstreamError(f"The vendor answered with HTTP {answer.status} for the result.", status=answer.status)
    head, chunks = await _peek(answer.chunks)
    mime = _mime(head, declared, output.mime)
    length = answer.headers.get("content-length", "")
    if not length.isdigit():
        return Body(chunks, mime=mime)
    size = int(length)
    bounds = span.within(size) if span else (0, size)
    if bounds is None:
        return Body(None, size=size)
    # a vendor that ignores ranges: the part is cut out here
    return Body(cut(chunks, *bounds) if span else chunks, *bounds, size, mime, span is not None)


async def _part(answer: StreamReply, output: Output, span: Span, declared: str) -> Body:
    given = parse_content_range(answer.headers.get("content-range"))
    if given is None or (span.first is not None and given[0] != span.first):
        raise UpstreamError("The vendor answered with another part of the result than was asked for.", status=206)
    if given[0] == 0:
        head, chunks = await _peek(answer.chunks)
        return Body(chunks, *given, mime=_mime(head, declared, output.mime), partial=True)
    return Body(answer.chunks, *given, mime=_mime(b"", declared, output.mime), partial=True)


async def _peek(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    head = b""
    while len(head) < HEAD:
        chunk = await anext(chunks, None)
        if chunk is None:
            break
        head += chunk
    return head, _chained(head, chunks)


async def _chained(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in chunks:
        yield chunk


def _mime(head: bytes, declared: str, known: str | None) -> str | None:
    """The media type by the bytes, else as declared; raises UpstreamError for a page or a JSON error with status 200."""
    found = mime_of(head)
    if found is None and declared.startswith(_TEXTS):
        raise UpstreamError(f"The vendor answered with {declared} in place of the result.")
    return found or (declared if declared.startswith(("video/", "image/", "audio/")) else known)


def _url(base: str, call: Call) -> str:
    url = call.path if is_absolute(call.path) else base.rstrip("/") + call.path
    if not call.query:
        return url
    return url + ("&" if "?" in url else "?") + urlencode(list(call.query), quote_via=quote, safe="")


def _own_hosts(base: str) -> tuple[str, ...]:
    try:
        return (split(base).host,) if base else ()
    except ValueError:
        return ()


def _expired() -> NotFound:
    return NotFound("The result is no longer available at the vendor.", code="video_expired")

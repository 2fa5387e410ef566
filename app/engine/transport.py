"""Sends a `Call` to an upstream and says exactly what became of it; every exchange with a vendor goes through here.

Three outcomes, and no fourth: `UpstreamNeverSent` (nothing of the request left), `UpstreamMaybeSent` (it may have
arrived and no whole answer came), or a `Reply`, whatever its status. Redirects are answers, not instructions.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

import httpx
import orjson

from app.adapters.base import Call, Reply
from app.domain.errors import UpstreamError, UpstreamMaybeSent, UpstreamNeverSent, UpstreamUnreadable
from app.domain.json import Json
from app.engine.outgoing import Unsendable, request_of
from app.engine.redaction import redact

BODY_LIMIT = 64 * 1024 * 1024
CONNECT_TIMEOUT = 10.0  # seconds, for name lookup, connect and TLS together

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.ProxyError,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as an observer sees it: the URL without secrets, the status or the error, and how long it took in seconds."""

    method: str
    url: str
    status: int | None
    error: str | None
    seconds: float


class StreamReply:
    """An answer whose body is read as it comes.

    `chunks` may be read once; it raises UpstreamMaybeSent when the body breaks off or falls silent.
    """

    __slots__ = ("_response", "chunks", "headers", "status")

    def __init__(self, response: httpx.Response, idle: float, upstream: str) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        self.chunks: AsyncIterator[bytes] = _Patient(_chunks(response), idle, upstream)

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    async def whole(self, limit: int = BODY_LIMIT) -> Reply:
        """The rest of the body at once, for an error or an answer that turned out small; raises UpstreamUnreadable over `limit`."""
        return _reply(self.status, self.headers, await _joined(self.chunks, self.headers, limit))


class Transport:
    """The one way to an upstream.

    `default` carries http and https; `mounts` sends other schemes (`sandbox`) elsewhere. Both are closed by `aclose`.
    """

    def __init__(
        self,
        default: httpx.AsyncBaseTransport,
        mounts: Mapping[str, httpx.AsyncBaseTransport] | None = None,
        *,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._by_scheme = {"http": default, "https": default, **(mounts or {})}
        self._observe = observe

    async def send(self, base_url: str, call: Call, *, limit: int = BODY_LIMIT) -> Reply:
        """The whole answer within `call.timeout` seconds; raises UpstreamUnreadable for a body over `limit` bytes."""
        started = time.perf_counter()
        status, problem = None, None
        try:
            request = _written(base_url, call)
            reply = await self._whole(request, call.timeout, limit)
            status = reply.status
        except UpstreamError as error:
            problem = error
            raise
        else:
            return reply
        finally:
            self._note(call, base_url, status, problem, started)

    @asynccontextmanager
    async def stream(self, base_url: str, call: Call) -> AsyncIterator[StreamReply]:
        """The answer with its body still to come; `call.timeout` bounds each silence, not the whole.

        Leaving the block closes the connection unless the body was read to its end.
        """
        started = time.perf_counter()
        status, problem = None, None
        try:
            request = _written(base_url, call)
            with _translated(request):
                async with asyncio.timeout(call.timeout):
                    response = await self._carrier(request).handle_async_request(request)
            status = response.status_code
        except UpstreamError as error:
            problem = error
            raise
        finally:
            self._note(call, base_url, status, problem, started)
        try:
            yield StreamReply(response, call.timeout, request.url.host)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for carrier in dict.fromkeys(self._by_scheme.values()):
            await carrier.aclose()

    async def _whole(self, request: httpx.Request, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109 - passed on from the call
        with _translated(request):
            async with asyncio.timeout(timeout):
                response = await self._carrier(request).handle_async_request(request)
                try:
                    headers = dict(response.headers.items())
                    body = await _joined(_chunks(response), headers, limit)
                finally:
                    await response.aclose()
        return _reply(response.status_code, headers, body)

    def _carrier(self, request: httpx.Request) -> httpx.AsyncBaseTransport:
        carrier = self._by_scheme.get(request.url.scheme)
        if carrier is None:
            raise httpx.UnsupportedProtocol(f"Nothing carries {request.url.scheme!r} URLs.", request=request)
        return carrier

    def _note(self, call: Call, base_url: str, status: int | None, error: UpstreamError | None, started: float) -> None:
        if self._observe is None and not _log.isEnabledFor(logging.DEBUG):
            return
        url = redact(call.path if "://" in call.path else base_url.rstrip("/") + call.path)
        problem = redact(error.message) if error else None
        exchange = Exchange(call.method, url, status, problem, time.perf_counter() - started)
        _log.debug("%s %s -> %s in %.3f s", exchange.method, exchange.url, status or problem, exchange.seconds)
        if self._observe is not None:
            self._observe(exchange)


def parsed_json(body: bytes) -> Json:
    """The body as JSON whatever it calls itself; None when it is none."""
    with suppress(orjson.JSONDecodeError):
        return cast(Json, orjson.loads(body))
    return None


def _written(base_url: str, call: Call) -> httpx.Request:
    try:
        return request_of(base_url, call, min(CONNECT_TIMEOUT, call.timeout / 2))
    except Unsendable as error:
        raise UpstreamNeverSent(f"The request to the vendor could not be written: {error}") from error


class _translated:
    """Turns transport exceptions into ours; a class, because a generator costs more per call."""

    __slots__ = ("_host",)

    def __init__(self, request: httpx.Request) -> None:
        self._host = request.url.host

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, UpstreamError):
            ours = _ours(error, self._host)
            if ours is not None:
                raise ours from error


def _ours(error: BaseException, host: str) -> UpstreamError | None:
    if isinstance(error, _NEVER_SENT):
        return UpstreamNeverSent(f"{host} could not be reached: {error or type(error).__name__}")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return UpstreamMaybeSent(f"{host} did not answer in time.", code="upstream_timeout")
    if isinstance(error, httpx.RequestError):
        return UpstreamMaybeSent(f"The connection to {host} broke before its answer was complete.")
    return None


class _Patient:
    """Chunks, each awaited for at most `idle` seconds."""

    __slots__ = ("_chunks", "_host", "_idle")

    def __init__(self, chunks: AsyncIterator[bytes], idle: float, host: str) -> None:
        self._chunks = chunks
        self._idle = idle
        self._host = host

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle):
                return await anext(self._chunks)
        except (TimeoutError, httpx.RequestError) as error:
            raise UpstreamMaybeSent(f"The stream from {self._host} broke off before its end.") from error


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    stream = response.stream
    if isinstance(stream, httpx.AsyncByteStream) and "content-encoding" not in response.headers:
        return aiter(stream)
    return response.aiter_bytes()


async def _joined(chunks: AsyncIterator[bytes], headers: Mapping[str, str], limit: int) -> bytes:
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> UpstreamUnreadable:
    return UpstreamUnreadable(f"The vendor's answer is larger than {limit} bytes.")


def _reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    return Reply(status, headers, parsed_json(body) if body else None, body)

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
from pydantic_core import from_json

from app.adapters.base import Call, Reply
from app.domain.errors import UpstreamError, UpstreamMaybeSent, UpstreamNeverSent, UpstreamUnreadable
from app.domain.json import Json
from app.engine.carriers import Answer, Carrier, OverHttpx
from app.engine.outgoing import Outgoing, Unsendable, outgoing
from app.engine.redaction import redact

BODY_LIMIT = 64 * 1024 * 1024
_LARGE = 64 * 1024  # bytes from which on a parser pays that takes a quarter of the time for a picture's text
_WEB = frozenset({"http", "https"})
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

    __slots__ = ("chunks", "headers", "status")

    def __init__(self, answer: Answer, idle: float, upstream: str) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.chunks: AsyncIterator[bytes] = _Patient(answer.chunks, idle, upstream)

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    async def whole(self, limit: int = BODY_LIMIT) -> Reply:
        """The rest of the body at once, for an error or an answer that turned out small; raises UpstreamUnreadable over `limit`."""
        return _reply(self.status, self.headers, await _joined(self.chunks, self.headers, limit))


class Transport:
    """The one way to an upstream.

    `default` carries http and https, `mounts` other schemes (`sandbox`); httpx's transports will do. All are closed by `aclose`.
    """

    def __init__(
        self,
        default: Carrier | httpx.AsyncBaseTransport,
        mounts: Mapping[str, Carrier | httpx.AsyncBaseTransport] | None = None,
        *,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._default = _carrier(default)
        self._by_scheme = {scheme: _carrier(carrier) for scheme, carrier in (mounts or {}).items()}
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
            with _translated(request.origin.host):
                async with asyncio.timeout(call.timeout):
                    answer = await self._carrier(request.origin.scheme).carry(request)
            status = answer.status
        except UpstreamError as error:
            problem = error
            raise
        finally:
            self._note(call, base_url, status, problem, started)
        try:
            yield StreamReply(answer, call.timeout, request.origin.host)
        finally:
            await answer.close()

    async def aclose(self) -> None:
        """Close every connection."""
        for carrier in (self._default, *self._by_scheme.values()):
            await carrier.aclose()

    async def _whole(self, request: Outgoing, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109 - passed on from the call
        with _translated(request.origin.host):
            async with asyncio.timeout(timeout):
                answer = await self._carrier(request.origin.scheme).carry(request)
                try:
                    body = await _joined(answer.chunks, answer.headers, limit)
                finally:
                    await answer.close()
        return _reply(answer.status, answer.headers, body)

    def _carrier(self, scheme: str) -> Carrier:
        if scheme in _WEB:
            return self._default
        carrier = self._by_scheme.get(scheme)
        if carrier is None:
            raise httpx.UnsupportedProtocol(f"Nothing carries {scheme!r} URLs.")
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
    if len(body) >= _LARGE:
        with suppress(ValueError):
            return cast(Json, from_json(body, allow_inf_nan=False, cache_strings="none"))
    with suppress(orjson.JSONDecodeError):
        return cast(Json, orjson.loads(body))
    return None


def _carrier(given: Carrier | httpx.AsyncBaseTransport) -> Carrier:
    return OverHttpx(given) if isinstance(given, httpx.AsyncBaseTransport) else given


def _written(base_url: str, call: Call) -> Outgoing:
    try:
        return outgoing(base_url, call, min(CONNECT_TIMEOUT, call.timeout / 2))
    except Unsendable as error:
        raise UpstreamNeverSent(f"The request to the vendor could not be written: {error}") from error


class _translated:
    """Turns carriers' exceptions into ours; a class, because a generator costs more per call."""

    __slots__ = ("_host",)

    def __init__(self, host: str) -> None:
        self._host = host

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

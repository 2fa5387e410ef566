"""Carries requests over one aiohttp session, which is several times cheaper than httpx's own pool.

What matters here is the mapping of errors: an exception says *never sent* (ConnectError, ConnectTimeout, UnsupportedProtocol)
only when not a byte of the request can have left; everything else is one of httpx's read, write and protocol errors.

aiohttp itself repeats a request whose connection died, but only for the methods that HTTP calls idempotent (GET, HEAD,
OPTIONS, TRACE, PUT, DELETE; `IDEMPOTENT_METHODS` in aiohttp 3.14's client.py, read 2026-11-20): a POST goes out once.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from yarl import URL

from app.engine.carriers import Answer
from app.engine.outgoing import Outgoing

KEEP_ALIVE = 4.0  # seconds; less than the 5 of common servers, so that a POST rarely meets a closed connection

_NO_CEILING = 1e9  # aiohttp rounds longer timeouts up to whole seconds unless told not to
_FAILURES = (aiohttp.ClientError, OSError)  # TimeoutError is an OSError


class AiohttpCarrier:
    """A carrier on an aiohttp session that is opened at the first request, inside the running loop.

    No cookies, no proxies from the environment, no redirects, bodies decompressed. `resolver` replaces the name lookup;
    it is then asked for every new connection.
    """

    def __init__(self, *, resolver: AbstractResolver | None = None, keep_alive: float = KEEP_ALIVE) -> None:
        self._resolver = resolver
        self._keep_alive = keep_alive
        self._session: aiohttp.ClientSession | None = None
        self._reading = _Reading()
        self._closed = False

    async def carry(self, outgoing: Outgoing) -> Answer:
        if self._closed:
            raise httpx.ConnectError("the transport is closed")
        session = self._session or self._open()
        try:
            answer = await session.request(
                outgoing.method,
                _url(outgoing),
                data=outgoing.body or None,
                headers=outgoing.headers,
                skip_auto_headers=_unnamed(outgoing),
                allow_redirects=False,
                timeout=_timeout(outgoing.connect),
            )
        except _FAILURES as error:
            raise _mapped(error) from error
        return _Answer(answer, self._reading)

    async def aclose(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,  # concurrency is bounded per channel, not here
            keepalive_timeout=self._keep_alive,
            resolver=self._resolver,
            use_dns_cache=self._resolver is None,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "filmgate"},
            trust_env=False,
        )
        return self._session


_FEW = 4  # answers
_PIECE = 64 * 1024  # bytes


@dataclass(slots=True)
class _Reading:
    """How many answers of a carrier are being read."""

    answers: int = 0


class _Answer:
    """While few are read, the body comes as the socket yields it, which costs least.

    While many are, in pieces that are bounded: three of them are held for each client that reads slowly.
    """

    __slots__ = ("_answer", "_closed", "_reading", "headers", "status")

    def __init__(self, answer: aiohttp.ClientResponse, reading: _Reading) -> None:
        self._answer = answer
        self._reading = reading
        self._closed = False
        self.status = answer.status
        self.headers = _headers(answer)
        reading.answers += 1

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        content = self._answer.content
        if content.at_eof() and content.exception() is None:
            raise StopAsyncIteration
        try:
            chunk = await (content.readany() if self._reading.answers <= _FEW else content.read(_PIECE))
        except _FAILURES as error:
            raise _mapped(error) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def close(self) -> None:
        if not self._closed:
            self._closed, self._reading.answers = True, self._reading.answers - 1
        # a connection whose body was not read to the end cannot be used again; `close` tells the two apart
        self._answer.close()


def _url(outgoing: Outgoing) -> URL:
    try:
        return URL(f"{outgoing.origin.scheme}://{outgoing.origin.authority}{outgoing.target}", encoded=True)
    except ValueError as error:
        raise httpx.UnsupportedProtocol("its URL cannot be used") from error


def _unnamed(outgoing: Outgoing) -> tuple[str, ...] | None:
    """What aiohttp must not add: a guess at the type of a body whose adapter named none, empty ones too. Asking costs time."""
    bare = outgoing.method == "GET" and not outgoing.parts
    if bare or any(name.lower() == "content-type" for name in outgoing.headers):
        return None
    return ("Content-Type",)


@lru_cache(64)
def _timeout(connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, ceil_threshold=_NO_CEILING)


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in answer.raw_headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "content-encoding" in headers:
        # aiohttp has decoded the body, so that neither its encoding nor its old length is true any more
        del headers["content-encoding"]
        headers.pop("content-length", None)
    return headers


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _mapped(error: Exception) -> httpx.RequestError:
    kind, text = _kind(error)
    return kind(text)


def _kind(error: Exception) -> tuple[type[httpx.RequestError], str]:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout, "no connection in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return httpx.ConnectError, "its name is unknown"
    if isinstance(error, aiohttp.ClientSSLError):
        return httpx.ConnectError, "the TLS handshake failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError, error.os_error.strerror or "connect failed"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return httpx.UnsupportedProtocol, "its URL cannot be used"
    if isinstance(error, asyncio.TimeoutError):
        return httpx.ReadTimeout, "no answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return httpx.RemoteProtocolError, "the answer broke off or was not HTTP"
    return httpx.ReadError, "the connection broke"

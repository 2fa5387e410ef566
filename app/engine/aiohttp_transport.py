"""Carries httpx requests over one aiohttp session, which is several times cheaper than httpx's own pool.

What matters here is the mapping of errors: an exception says *never sent* (ConnectError, ConnectTimeout, UnsupportedProtocol)
only when not a byte of the request can have left; everything else is one of httpx's read, write and protocol errors.

aiohttp itself repeats a request whose connection died, but only for the methods that HTTP calls idempotent (GET, HEAD,
OPTIONS, TRACE, PUT, DELETE; `IDEMPOTENT_METHODS` in aiohttp 3.14's client.py, read 2026-11-20): a POST goes out once.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from yarl import URL

KEEP_ALIVE = 4.0  # seconds; less than the 5 of common servers, so that a POST rarely meets a closed connection

_NO_CEILING = 1e9  # aiohttp rounds longer timeouts up to whole seconds unless told not to
_FAILURES = (aiohttp.ClientError, OSError)  # TimeoutError is an OSError


class AiohttpTransport(httpx.AsyncBaseTransport):
    """An httpx transport on an aiohttp session that is opened at the first request, inside the running loop.

    No cookies, no proxies from the environment, no redirects, bodies decompressed. `resolver` replaces the name lookup;
    it is then asked for every new connection.
    """

    def __init__(self, *, resolver: AbstractResolver | None = None, keep_alive: float = KEEP_ALIVE) -> None:
        self._resolver = resolver
        self._keep_alive = keep_alive
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._closed:
            raise httpx.ConnectError("the transport is closed", request=request)
        session = self._session or self._open()
        try:
            answer = await session.request(
                request.method,
                _url(request),
                data=_data(request),
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
                allow_redirects=False,
                timeout=_timeout(request),
            )
        except _FAILURES as error:
            raise _mapped(error, request) from error
        return httpx.Response(answer.status, headers=_headers(answer), stream=_Body(answer, request))

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
            skip_auto_headers=("Content-Type",),
            trust_env=False,
        )
        return self._session


_PIECE = 64 * 1024  # bytes


class _Body(httpx.AsyncByteStream):
    """The body in pieces as the socket yields them, bounded: three of them are in memory for each client that reads slowly."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._answer.content.read(_PIECE)
        except _FAILURES as error:
            raise _mapped(error, self._request) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        # a connection whose body was not read to the end cannot be used again; `close` tells the two apart
        self._answer.close()


def _url(request: httpx.Request) -> URL:
    target: object = request.extensions.get("target")
    path = target if isinstance(target, bytes) else request.url.raw_path
    try:
        return URL(f"{request.url.scheme}://{request.url.netloc.decode('ascii')}{path.decode('ascii')}", encoded=True)
    except ValueError as error:
        raise httpx.UnsupportedProtocol("its URL cannot be used", request=request) from error


def _data(request: httpx.Request) -> bytes | httpx.AsyncByteStream | None:
    if isinstance(request.stream, httpx.ByteStream):
        return b"".join(request.stream) or None
    assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 - the other kind belongs to sync clients
    return request.stream


def _timeout(request: httpx.Request) -> aiohttp.ClientTimeout:
    given: object = request.extensions.get("timeout")
    seconds: Mapping[str, float | None] = given if isinstance(given, Mapping) else {}
    return aiohttp.ClientTimeout(
        total=None, connect=seconds.get("connect"), sock_read=seconds.get("read"), ceil_threshold=_NO_CEILING
    )


def _headers(answer: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    raw = answer.raw_headers
    if "content-encoding" not in answer.headers:
        return list(raw)
    # aiohttp has decoded the body, so that neither its encoding nor its old length is true any more
    return [(name, value) for name, value in raw if name.lower() not in (b"content-encoding", b"content-length")]


def _mapped(error: Exception, request: httpx.Request) -> httpx.RequestError:
    kind, text = _kind(error)
    return kind(text, request=request)


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

"""What carries a request to an upstream and its answer back; what became of it is `Transport`'s to say.

Carriers raise httpx's errors: a ConnectError, ConnectTimeout, PoolTimeout, UnsupportedProtocol, LocalProtocolError or ProxyError
only when not a byte of the request can have left, every other one when it may have arrived.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import httpx

from app.engine.outgoing import Outgoing


class Answer(Protocol):
    """Status and headers (names in lower case) are there, the body comes in `chunks`, decoded, to be read once."""

    @property
    def status(self) -> int:
        """Of HTTP."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the upstream says of its answer."""

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """The body."""

    async def close(self) -> None:
        """Lets go of the connection; it can be used again when the body was read to its end."""


class Carrier(Protocol):
    """A way to upstreams."""

    async def carry(self, outgoing: Outgoing) -> Answer:
        """Sends the request and returns when the answer begins."""

    async def aclose(self) -> None:
        """Closes every connection."""


class OverHttpx:
    """Carries over one of httpx's transports: the sandbox is such."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def carry(self, outgoing: Outgoing) -> Answer:
        return _HttpxAnswer(await self._transport.handle_async_request(outgoing.for_httpx()))

    async def aclose(self) -> None:
        await self._transport.aclose()


class _HttpxAnswer:
    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        stream = response.stream
        plain = isinstance(stream, httpx.AsyncByteStream) and "content-encoding" not in self.headers
        self.chunks: AsyncIterator[bytes] = aiter(stream) if plain else response.aiter_bytes()  # type: ignore[arg-type]  # as `plain` says

    async def close(self) -> None:
        await self._response.aclose()

"""Carries requests over connections of our own, which say exactly how far each one came.

What matters here: an exception says *never sent* (ConnectError, ConnectTimeout) only when not a byte of the request can have
left; everything else is one of httpx's read and protocol errors. A request whose kept connection died before a byte of an
answer came is asked once more where HTTP calls its method idempotent (RFC 9110, 9.2.2); a POST goes out once.
"""

import ssl
from collections.abc import AsyncIterator

import httpx

from app.engine.carriers import Answer
from app.engine.http_connection import Connection
from app.engine.http_pool import Pool
from app.engine.names import Lookup, RecentNames
from app.engine.outgoing import Origin, Outgoing
from app.engine.unpacking import Unpacking, unpacking

KEEP_ALIVE = 4.0  # seconds; less than the 5 of common servers, so that a POST rarely meets a closed connection

_IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})  # of those that a Call may have
_ALWAYS = {"user-agent": "filmgate", "accept": "*/*", "accept-encoding": "gzip, deflate"}
_FEW = 4  # answers
_PIECE = 64 * 1024  # bytes


class HttpCarrier:
    """A carrier over HTTP/1.1. No cookies, no proxies from the environment, no redirects, bodies decompressed.

    `lookup` replaces the name lookup; it is then asked for every new connection. `trust` is for tests.
    """

    def __init__(
        self, *, lookup: Lookup | None = None, keep_alive: float = KEEP_ALIVE, trust: ssl.SSLContext | None = None
    ) -> None:
        self._pool = Pool(lookup or RecentNames(), keep_alive, trust)
        self._reading = _Reading()
        self._closed = False

    async def carry(self, outgoing: Outgoing) -> Answer:
        if self._closed:
            raise httpx.ConnectError("the transport is closed")
        idempotent = outgoing.method in _IDEMPOTENT
        kept = self._pool.idle(outgoing.origin)
        while kept is not None and not idempotent and kept.heard_from():
            kept.close()
            kept = self._pool.idle(outgoing.origin)
        if kept is not None:
            try:
                return await self._asked(kept, outgoing)
            except httpx.RequestError:
                if not (idempotent and kept.silent):
                    raise
        return await self._asked(await self._pool.opened(outgoing.origin, outgoing.connect), outgoing)

    async def aclose(self) -> None:
        self._closed = True
        self._pool.close()

    async def _asked(self, connection: Connection, outgoing: Outgoing) -> Answer:
        try:
            await connection.ask(_head(outgoing), outgoing.parts)
            return _Answer(connection, outgoing.origin, self._pool, self._reading)
        except BaseException:
            connection.close()
            raise


def _head(outgoing: Outgoing) -> bytes:
    lines = [f"{outgoing.method} {outgoing.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in outgoing.headers.items()]
    given = {name.lower() for name in outgoing.headers}
    lines += [f"{name}: {value}" for name, value in _ALWAYS.items() if name not in given]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class _Reading:
    """How many answers of a carrier are being read."""

    __slots__ = ("answers",)

    def __init__(self) -> None:
        self.answers = 0


class _Answer:
    """While few are read, the body comes as the socket yields it, which costs least.

    While many are, in pieces that are bounded: three of them are held for each client that reads slowly.
    """

    __slots__ = ("_closed", "_connection", "_origin", "_pool", "_reading", "_unpacking", "headers", "status")

    def __init__(self, connection: Connection, origin: Origin, pool: Pool, reading: _Reading) -> None:
        self._connection = connection
        self._origin = origin
        self._pool = pool
        self._reading = reading
        self._closed = False
        self.status = connection.status
        self.headers = connection.headers
        self._unpacking: Unpacking | None = None
        if "content-encoding" in self.headers:
            self._unpacking = unpacking(self.headers["content-encoding"])
        if self._unpacking is not None:
            # of the body as it is handed on neither its encoding nor its old length is true
            self.headers = {
                name: value for name, value in self.headers.items() if name not in ("content-encoding", "content-length")
            }
        reading.answers += 1

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await (self._read() if self._unpacking is None else self._unpacking.read(self._read))
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def close(self) -> None:
        if not self._closed:
            self._closed, self._reading.answers = True, self._reading.answers - 1
            self._pool.give_back(self._origin, self._connection)

    async def _read(self) -> bytes:
        if self._closed:
            return b""  # the connection is somebody else's
        return await self._connection.read(_PIECE if self._reading.answers > _FEW else None)

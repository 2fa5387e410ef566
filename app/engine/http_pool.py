"""Opens connections to upstreams, and keeps those that can be asked again for a while."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from functools import lru_cache, partial
from ipaddress import ip_address

import httpx
from aiohappyeyeballs import AddrInfoType, start_connection

from app.engine.http_connection import Connection
from app.engine.names import Lookup
from app.engine.outgoing import Origin

_PORTS = {"http": 80, "https": 443}
_NEXT_ADDRESS = 0.25  # seconds before another address is tried beside a slow one (RFC 8305)


class Pool:
    """The connections of one transport. They are not bounded: how many requests are under way is, per channel.

    One that was idle for `keep_alive` seconds is closed. `lookup` is asked for every new connection to a name; `trust` is what
    certificates are checked against, the system's authorities unless given.
    """

    def __init__(self, lookup: Lookup, keep_alive: float, trust: ssl.SSLContext | None = None) -> None:
        self._lookup = lookup
        self._keep_alive = keep_alive
        self._trust = trust
        self._idle: dict[tuple[str, str], list[Connection]] = {}  # by scheme and authority, the last used last
        self._open: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    def idle(self, origin: Origin) -> Connection | None:
        """One that can be asked at once."""
        waiting = self._idle.get((origin.scheme, origin.authority))
        oldest = asyncio.get_running_loop().time() - self._keep_alive
        while waiting:
            connection = waiting.pop()
            if connection.open:
                if connection.idle_since > oldest:
                    return connection
                connection.close()
        return None

    async def opened(self, origin: Origin, patience: float) -> Connection:
        """A new one, within so many seconds; raises ConnectError and ConnectTimeout of httpx, and whatever else `lookup` raises."""
        try:
            async with asyncio.timeout(patience):
                return await self._connected(origin)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (socket.gaierror, UnicodeError) as error:
            raise httpx.ConnectError("its name is unknown") from error
        except ssl.SSLError as error:
            raise httpx.ConnectError("the TLS handshake failed") from error
        except (OSError, RuntimeError) as error:  # uvloop raises RuntimeError for sockets that cannot be
            raise httpx.ConnectError(getattr(error, "strerror", None) or "connect failed") from error

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """The exchange is over; it is closed where it cannot be asked again."""
        if not connection.usable:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault((origin.scheme, origin.authority), []).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._keep_alive, self._close_old)

    def close(self) -> None:
        """Closes all, idle or not."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            connection.close()

    async def _connected(self, origin: Origin) -> Connection:
        host, port = _endpoint(origin)
        trust = await self._trusted() if origin.scheme == "https" else None
        addresses = [host] if _is_literal(host) else await self._lookup(host, port)
        loop, made = asyncio.get_running_loop(), partial(Connection, self._open.discard)
        name = host if trust else None
        if len(addresses) == 1:
            _, connection = await loop.create_connection(made, addresses[0], port, ssl=trust, server_hostname=name)
        else:
            link = await start_connection(_places(addresses, port), happy_eyeballs_delay=_NEXT_ADDRESS)
            try:
                _, connection = await loop.create_connection(made, sock=link, ssl=trust, server_hostname=name)
            except BaseException:
                link.close()
                raise
        if not connection.closed:  # else `lost` has been told already
            self._open.add(connection)
        return connection

    async def _trusted(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = await asyncio.to_thread(_system_trust)  # it reads a few hundred certificates
        return self._trust

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        oldest, self._sweep = loop.time() - self._keep_alive, None
        for key, waiting in list(self._idle.items()):
            kept = [connection for connection in waiting if connection.idle_since > oldest and connection.open]
            for connection in waiting:
                if connection.idle_since <= oldest:
                    connection.close()
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        if self._idle:
            self._sweep = loop.call_later(self._keep_alive / 4, self._close_old)


def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@lru_cache(512)
def _endpoint(origin: Origin) -> tuple[str, int]:
    """Host as it is looked up, and port."""
    parts = httpx.URL(f"{origin.scheme}://{origin.authority}")
    return parts.raw_host.decode("ascii").strip("[]"), parts.port or _PORTS[origin.scheme]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _places(addresses: Sequence[str], port: int) -> list[AddrInfoType]:
    """As sockets take them."""
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    found: list[AddrInfoType] = []
    for address in addresses:
        found += socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=numeric)
    return found

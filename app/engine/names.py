"""Name lookup: a host's addresses, in the order in which they are to be tried."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from app.engine.guard import Guard

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]  # host and port to addresses; raises OSError or UnicodeError for none

_FRESH = 10.0  # seconds


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """Every address that the operating system knows for a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def guarded(guard: Guard, lookup: Lookup = system_lookup) -> Lookup:
    """A lookup with the guard behind it, which raises Blocked: the addresses that passed are the ones that are connected to.

    It asks anew each time, so that each connection goes to what was checked for it.
    """

    async def checked(host: str, port: int) -> Sequence[str]:
        return guard.addresses(host, await lookup(host, port))

    return checked


class RecentNames:
    """A lookup that asks `lookup` once for those who want a name at the same time or soon after each other."""

    def __init__(self, lookup: Lookup = system_lookup, fresh: float = _FRESH) -> None:
        self._lookup = lookup
        self._fresh = fresh  # seconds
        self._known: dict[str, tuple[float, Sequence[str]]] = {}  # until when
        self._asking: dict[str, asyncio.Task[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        now = asyncio.get_running_loop().time()
        until, addresses = self._known.get(host, (0.0, ()))
        if now < until:
            return addresses
        asking = self._asking.get(host)
        if asking is None:
            asking = self._asking[host] = asyncio.create_task(self._ask(host, port), name=f"look up {host}")
            asking.add_done_callback(lambda task: self._answered(host, task))
        # one who gives up must not spoil it for the others
        return await asyncio.shield(asking)

    async def _ask(self, host: str, port: int) -> Sequence[str]:
        return await self._lookup(host, port)

    def _answered(self, host: str, task: asyncio.Task[Sequence[str]]) -> None:
        del self._asking[host]
        if not task.cancelled() and task.exception() is None:
            self._known[host] = (asyncio.get_running_loop().time() + self._fresh, task.result())

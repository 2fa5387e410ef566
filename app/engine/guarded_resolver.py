"""aiohttp's name lookup with the guard behind it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

from app.engine.guard import Guard

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


class GuardedResolver(AbstractResolver):
    """aiohttp's name lookup with the guard behind it: the addresses that passed are the ones that are connected to.

    One lookup per connection, so that a name cannot change its mind between check and use. aiohttp does not ask a
    resolver about literal addresses: those are `Guard.inspect`'s.
    """

    def __init__(self, guard: Guard, lookup: Lookup | None = None) -> None:
        self._guard = guard
        self._lookup = lookup or system_lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AddressFamily.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = self._guard.addresses(host, await self._lookup(host, port))
        return [_result(host, address, port) for address in found if family in (socket.AF_UNSPEC, _family(address))]

    async def close(self) -> None:
        """Nothing is kept open."""


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """Every address that the operating system knows for a name; raises OSError for none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(hostname=host, host=address, port=port, family=_family(address), proto=0, flags=socket.AI_NUMERICHOST)


def _family(address: str) -> socket.AddressFamily:
    return socket.AddressFamily.AF_INET6 if ":" in address else socket.AddressFamily.AF_INET

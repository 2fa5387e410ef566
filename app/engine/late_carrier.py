"""The way to upstreams, whose library (aiohttp: 8 MB, 0.1 s) is loaded beside the event loop when it is first used."""

import asyncio
from importlib import import_module

import httpx

from app.engine.carriers import Answer, Carrier
from app.engine.guard import Guard
from app.engine.outgoing import Outgoing


class LateCarrier:
    """An AiohttpCarrier that is made at the first request; with a guard it connects only to addresses which pass that."""

    def __init__(self, guard: Guard | None = None) -> None:
        self._guard = guard
        self._made: Carrier | None = None
        self._closed = False

    async def carry(self, outgoing: Outgoing) -> Answer:
        for name in ("app.engine.aiohttp_carrier", "app.engine.guarded_resolver"):
            await asyncio.to_thread(import_module, name)
        if self._closed:
            raise httpx.ConnectError("the transport is closed")
        if self._made is None:
            self._made = _made(self._guard)
            # from here on nothing stands between
            self.carry = self._made.carry  # type: ignore[method-assign]
        return await self._made.carry(outgoing)

    async def aclose(self) -> None:
        self._closed = True
        if self._made is not None:
            await self._made.aclose()


def _made(guard: Guard | None) -> Carrier:
    from app.engine.aiohttp_carrier import AiohttpCarrier  # loaded by now
    from app.engine.guarded_resolver import GuardedResolver

    return AiohttpCarrier(resolver=None if guard is None else GuardedResolver(guard))

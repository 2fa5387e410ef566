"""Asks a vendor with a credential on the call; where the vendor wants a token for it, gets one first and keeps it."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.adapters.base import Adapter, Call, Reply
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import UpstreamError, UpstreamNeverSent
from app.domain.replacing import replace
from app.engine.clock import Now
from app.engine.echoes import quiet
from app.engine.transport import Transport

TOKEN = "access_token"  # the credential field in which `authorize` finds the token  # noqa: S105  # a name, not a secret
_MARGIN = timedelta(seconds=60)  # a token is renewed this long before it ends


@dataclass(frozen=True, slots=True)
class _Held:
    text: str
    until: datetime


@dataclass(slots=True)
class Vendors:
    """The way to every vendor. One per process."""

    transport: Transport
    now: Now
    _tokens: dict[tuple[str, str], _Held] = field(default_factory=dict)
    _gates: dict[tuple[str, str], asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def ask(self, channel: Channel, credential: Credential, call: Call) -> Reply:
        """The vendor's answer without our credential in it; raises UpstreamError (UpstreamNeverSent when no token could be had)."""
        return await self.exchange(channel.base_url, adapters()[channel.adapter], credential, call)

    async def exchange(self, base_url: str, adapter: Adapter, credential: Credential, call: Call) -> Reply:
        """`ask` for who has no channel at hand."""
        signed = await self.signed(base_url, adapter, credential, call)
        reply = quiet(await self.transport.send(base_url, signed), signed)
        if reply.status == 401:
            self._tokens.pop((base_url, credential.id), None)  # withdrawn before its time: the next call gets another
        return reply

    async def signed(self, base_url: str, adapter: Adapter, credential: Credential, call: Call) -> Call:
        """The call with its credential; raises UpstreamNeverSent when no token could be had."""
        exchange = adapter.build_token(credential, self.now())
        if exchange is not None:
            token = await self._token((base_url, credential.id), adapter, base_url, exchange)
            credential = replace(credential, fields={**credential.fields, TOKEN: token})
        addressed = adapter.address(adapter.authorize(call, credential, self.now()), base_url)
        return adapter.sign(addressed, base_url, credential, self.now())

    async def _token(self, name: tuple[str, str], adapter: Adapter, base_url: str, exchange: Call) -> str:
        async with self._gates[name]:
            held = self._tokens.get(name)
            if held is None or held.until <= self.now():
                held = await self._fetched(adapter, base_url, exchange)
                self._tokens[name] = held
            return held.text

    async def _fetched(self, adapter: Adapter, base_url: str, exchange: Call) -> _Held:
        try:
            reply = await self.transport.send(base_url, exchange)
            if not reply.ok:
                raise adapter.parse_error(None, reply)
            token = adapter.parse_token(reply)
        except UpstreamError as error:
            # whatever went wrong here, the call that needed the token never left
            raise UpstreamNeverSent(f"No access token: {error.message}", status=error.status, body=error.body) from error
        return _Held(token.text, self.now() + timedelta(seconds=token.lifetime) - _MARGIN)

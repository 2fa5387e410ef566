"""Tries a channel's credentials with the cheapest call that its vendor answers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.adapters.base import Adapter, Call
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import GatewayError
from app.engine.channel_rules import checked, text_fields
from app.engine.redaction import redact, secrets_of
from app.engine.vendors import Vendors

_PATIENCE = 15.0  # seconds; an operator waits for the answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a channel works, after how many milliseconds its slowest credential was answered, and what the vendor said."""

    ok: bool
    latency_ms: int
    detail: str


async def probe(vendors: Vendors, channel: Channel) -> Verdict:
    """Asks once with every credential; never raises for what a vendor does."""
    adapter = adapters()[channel.adapter]
    call = adapter.build_test(channel)
    if call is None:
        return Verdict(True, 0, "nothing to test")
    call = replace(call, timeout=min(call.timeout, _PATIENCE))
    credentials = [one for one in channel.credentials if not one.retired] or [Credential("", {})]
    return _summary(await asyncio.gather(*(_ask(vendors, channel, adapter, call, one) for one in credentials)))


async def rehearse(vendors: Vendors, channel: Channel) -> Verdict:
    """`probe` of a channel that nobody has stored: no token of it is kept.

    Raises InvalidRequest naming the field that is wrong.
    """
    credentials = tuple(
        replace(one, id=one.id or f"credential {place}", fields=text_fields(one.fields))
        for place, one in enumerate(channel.credentials, 1)
    )
    wanted = checked(replace(channel, credentials=credentials))
    return await probe(Vendors(vendors.transport, vendors.now), wanted)


async def _ask(vendors: Vendors, channel: Channel, adapter: Adapter, call: Call, credential: Credential) -> Verdict:
    started = time.perf_counter()
    try:
        reply = await vendors.ask(channel, credential, call)
        if not reply.ok:
            raise adapter.parse_error(None, reply)
    except GatewayError as error:
        said = redact(error.message, secrets_of(credential))
        return Verdict(False, _since(started), f"{credential.id}: {said}" if credential.id else said)
    return Verdict(True, _since(started), f"HTTP {reply.status}")


def _summary(verdicts: Sequence[Verdict]) -> Verdict:
    wrong = [verdict.detail for verdict in verdicts if not verdict.ok]
    slowest = max(verdict.latency_ms for verdict in verdicts)
    return Verdict(not wrong, slowest, "; ".join(wrong) if wrong else verdicts[0].detail)


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)

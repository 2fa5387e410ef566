"""Tries a channel's credentials with the cheapest call that its vendor answers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime

from app.adapters.base import Adapter, Call, Reply
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import GatewayError
from app.engine.channel_rules import checked, text_fields
from app.engine.redaction import redact, secrets_of
from app.engine.vendors import Vendors

_PATIENCE = 15.0  # seconds; an operator waits for the answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a channel works, after how many milliseconds its slowest credential was answered, and what the vendor said.

    `ahead` is how many seconds the vendor's clock is ahead of ours, by the Date of its answer; None where it gave none.
    """

    ok: bool
    latency_ms: int
    detail: str
    ahead: float | None = None


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
    started, ahead = time.perf_counter(), None
    try:
        reply = await vendors.ask(channel, credential, call)
        ahead = _ahead(reply, vendors.now())
        if not reply.ok:
            raise adapter.parse_error(None, reply)
    except GatewayError as error:
        said = redact(error.message, secrets_of(credential))
        return Verdict(False, _since(started), f"{credential.id}: {said}" if credential.id else said, ahead)
    return Verdict(True, _since(started), f"HTTP {reply.status}", ahead)


def _ahead(reply: Reply, now: datetime) -> float | None:
    try:
        return (parsedate_to_datetime(reply.headers.get("date", "")) - now).total_seconds()
    except (ValueError, TypeError):  # TypeError: a date without a time zone
        return None


def _summary(verdicts: Sequence[Verdict]) -> Verdict:
    wrong = [verdict.detail for verdict in verdicts if not verdict.ok]
    slowest = max(verdict.latency_ms for verdict in verdicts)
    ahead = next((verdict.ahead for verdict in verdicts if verdict.ahead is not None), None)
    return Verdict(not wrong, slowest, "; ".join(wrong) if wrong else verdicts[0].detail, ahead)


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)

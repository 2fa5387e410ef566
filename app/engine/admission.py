"""Whether a job may start: limits of its key and channel, and the key's budget, asked in the transaction that starts it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Channel, Key
from app.domain.errors import NotAllowed, TooManyRequests
from app.domain.money import usd
from app.domain.replays import ReplayName
from app.store import ledger, limits

MOST_HELD = 1_000  # jobs of one key that may wait: a client that loops by mistake is stopped some day
RETRY_AFTER = 10  # seconds; nobody knows when a job ends


class Whose(StrEnum):
    """Whose limit leaves no room."""

    KEY = "key"
    CHANNEL = "channel"


class NoRoom(Exception):  # not an error: the job waits, goes elsewhere, or its client comes again
    """As many jobs run as may; nothing was stored and nothing may be sent."""

    def __init__(self, whose: Whose, limit: int) -> None:
        super().__init__(f"{whose} runs {limit} jobs")
        self.whose = whose
        self.limit = limit

    def refusal(self) -> TooManyRequests:
        """What a client hears that cannot wait."""
        if self.whose is Whose.KEY:
            message = f"This key may have {self.limit} running jobs at a time."
        else:
            message = "Every channel for this model is busy."
        return TooManyRequests(message, code="concurrency_limit_exceeded", retry_after=RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a new job needs room for: `prices` are the highest ones of all channels that it may be sent to, in micro-dollars.

    `names` are what the client calls its request; a name that is taken means that the job exists.
    """

    key: Key
    channel: Channel | None = None
    prices: Sequence[int] = ()
    names: tuple[ReplayName, ...] = ()


async def check_key(connection: AsyncConnection, key: Key, *, was_held: bool = False) -> None:
    """Raises NoRoom when the key has as many running jobs as it may; those that wait already go first."""
    if key.max_concurrency is None:
        return
    load = await limits.of_key(connection, key.id)
    if load.running + (0 if was_held else load.held) >= key.max_concurrency:
        raise NoRoom(Whose.KEY, key.max_concurrency)


async def check_channel(connection: AsyncConnection, channel: Channel, *, was_held: bool = False) -> None:
    """Raises NoRoom when the channel has as many jobs as it may; a newcomer leaves room for those that wait."""
    if channel.max_concurrency is None:
        return
    load = await limits.at_channel(connection, channel.id)
    if load.running + (0 if was_held else load.held) >= channel.max_concurrency:
        raise NoRoom(Whose.CHANNEL, channel.max_concurrency)


async def check_queue(connection: AsyncConnection, key: Key) -> None:
    """Raises TooManyRequests when too many of the key's jobs wait."""
    if (await limits.of_key(connection, key.id)).held >= MOST_HELD:
        raise TooManyRequests(
            f"{MOST_HELD} jobs of this key are waiting.", code="concurrency_limit_exceeded", retry_after=RETRY_AFTER * 6
        )


async def affordable(connection: AsyncConnection, entry: Entry, now: datetime) -> int:
    """What to reserve: the highest price that the budget still allows; NotAllowed when it does not allow the first one."""
    if entry.key.budget is None:
        return max(entry.prices, default=0)
    left = await ledger.left(connection, entry.key.id, now)
    if left is None:
        return max(entry.prices, default=0)
    if entry.prices and entry.prices[0] > left:
        raise NotAllowed(
            f"This can cost {usd(entry.prices[0])} USD, and {usd(max(left, 0))} USD are left of the key's budget"
            f"{_PERIODS[entry.key.budget_period]}.",
            code="insufficient_quota",
        )
    return max((price for price in entry.prices if price <= left), default=0)


_PERIODS = {"total": "", "day": " for today (UTC)", "month": " for this month (UTC)"}

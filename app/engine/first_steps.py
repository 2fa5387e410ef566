"""How far an operator has come with a new gateway, as its database tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.channels import Channel
from app.engine.channels import ChannelDesk
from app.engine.first_run import FIRST_KEY, SANDBOX
from app.store import audit as audit_store
from app.store import keys as key_store
from app.store import usage as usage_store
from app.store.usage import Dimension, Wanted

_MOST = 200  # channels, keys and tests that are looked at: who has more needs no first steps
_EVER = Wanted(first=date.min, last=date.max)


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What is done. `vendor` is the channel to go on with, None while there is only the sandbox."""

    tried: bool  # something was made, on whatever channel
    sandbox: bool  # there is a sandbox to try things with
    vendor: Channel | None
    tested: bool  # the vendor's channel passed a test, or made something
    key: bool  # there is a key besides the one of the first start
    made: bool  # a vendor made something

    @property
    def done(self) -> tuple[bool, ...]:
        """Step by step."""
        return (self.tried, self.vendor is not None, self.tested, self.key, self.made)


async def first_steps(desk: ChannelDesk) -> FirstSteps:
    """Looks at channels, keys, tests and finished jobs; at sums of jobs, never at the jobs."""
    channels = await desk.page(before=None, limit=_MOST)
    async with desk.database.read() as connection:
        tests = await audit_store.page(connection, kind="channel", action="test", limit=_MOST)
        keys = await key_store.page(connection, limit=_MOST)
        ended = await usage_store.page(connection, _EVER, [Dimension.CHANNEL])
    making = {one.of[Dimension.CHANNEL] for one in ended if one.completed}
    working = making | {line.subject for line in tests if line.changes.get("ok") is True}
    vendors = [channel for channel in channels if channel.adapter != SANDBOX]
    vendor = _furthest(vendors, making, working)
    return FirstSteps(
        tried=bool(making),
        sandbox=any(channel.adapter == SANDBOX and channel.enabled for channel in channels),
        vendor=vendor,
        tested=vendor is not None and vendor.id in working,
        key=any(key.name != FIRST_KEY and key.enabled for key in keys),
        made=vendor is not None and vendor.id in making,
    )


def _furthest(vendors: Sequence[Channel], making: set[str], working: set[str]) -> Channel | None:
    """The channel with which most is done; of equal ones the newest, which is the first."""
    return max(vendors, key=lambda channel: (channel.id in making, channel.id in working, channel.enabled), default=None)

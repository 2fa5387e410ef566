"""Groups as operators see and change them: names that keys and channels bear, and what each pays."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.domain.json import Json, JsonObject
from app.engine import audit
from app.engine.audit import COMMAND_LINE, Actor
from app.engine.changes import changing
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.views import ratio_view
from app.store import groups as group_store
from app.store import keys as key_store
from app.store.database import Database

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class GroupDesk:
    """Every way to read and change groups. Other processes see a change within two seconds (CONTRACT §4)."""

    database: Database
    configuration: Configuration
    now: Now
    actor: Actor = COMMAND_LINE

    async def every(self) -> Sequence[dict[str, Json]]:
        """Each group that a key or channel names, or that has a ratio of its own, by name; with how many name it."""
        async with self.database.read() as connection:
            ratios = await group_store.every(connection)
            keys = Counter(name for key in await key_store.every(connection) for name in key.groups)
        channels = Counter(name for channel in self.configuration.channels() if not channel.deleted for name in channel.groups)
        names = sorted({*ratios, *keys, *channels})
        return [_view(name, ratios.get(name, _ONE), keys[name], channels[name]) for name in names]

    async def price(self, name: str, price_ratio: Decimal) -> dict[str, Json]:
        """Sets what a group's prices are multiplied by, and shows the group; it need not be in use yet."""
        async with changing(self.database) as connection:
            held = (await group_store.every(connection)).get(name, _ONE)
            if held != price_ratio:
                await group_store.put(connection, name, price_ratio)
                changes: JsonObject = {"price_ratio": {"from": str(held), "to": str(price_ratio)}}
                await audit.write(connection, self.actor, self.now(), "update", "group", name, name, changes)
        known = (group for group in await self.every() if group["name"] == name)
        return next(known, _view(name, price_ratio, 0, 0))


def _view(name: str, ratio: Decimal, keys: int, channels: int) -> dict[str, Json]:
    return {"name": name, "price_ratio": ratio_view(ratio), "keys": keys, "channels": channels}

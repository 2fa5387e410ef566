"""Where operators and owners of keys look at money: spending, usage and the ledger. Changes nothing."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.domain.channels import Key
from app.domain.json import Json
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.money_views import Names, csv_columns, csv_text, figures_view, line_view, own_usage_view, spending_view, usage_view
from app.engine.views import key_view
from app.store import ledger_pages, spending
from app.store import usage as usage_store
from app.store.database import Database
from app.store.ledger_pages import LineFilter
from app.store.usage import Dimension, Usage, Wanted

RECENT_DAYS = 30  # today included
_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class MoneyDesk:
    """Reads what the engine wrote down about money."""

    database: Database
    configuration: Configuration
    now: Now

    async def ledger(self, wanted: LineFilter, *, before: str | None, limit: int) -> Sequence[dict[str, Json]]:
        """At most `limit` lines of the ledger, the newest first, older than the line `before`."""
        async with self.database.read() as connection:
            found = await ledger_pages.page(connection, wanted, before=before, limit=limit)
        return [line_view(line) for line in found]

    async def keys(self, keys: Sequence[Key]) -> list[dict[str, Json]]:
        """These keys as operators see them, with what they spent and what is held for them."""
        async with self.database.read() as connection:
            spent = await spending.of_keys(connection, keys, self.now())
        return [{**key_view(key), **spending_view(spent[key.id])} for key in keys]

    async def own_usage(self, key: Key) -> dict[str, Json]:
        """This key's spending and limits, and its usage of the last days; of no other key."""
        now = self.now()
        wanted = replace(recent(now.date()), key_id=key.id)
        async with self.database.read() as connection:
            spent = await spending.of_keys(connection, [key], now)
            days = await usage_store.page(connection, wanted, [Dimension.DAY])
            models = await usage_store.page(connection, wanted, [Dimension.MODEL])
        return own_usage_view(key, spent[key.id], now, days, models)

    async def usage(
        self, wanted: Wanted, dimensions: Sequence[Dimension], *, after: dict[Dimension, str] | None, limit: int
    ) -> list[Usage]:
        """At most `limit` sums of usage; `after` is the place of the last one of the page before."""
        async with self.database.read() as connection:
            return await usage_store.page(connection, wanted, dimensions, after=after, limit=limit)

    async def largest(self, wanted: Wanted, dimension: Dimension, limit: int) -> list[Usage]:
        """At most `limit` sums of usage, what cost most first."""
        async with self.database.read() as connection:
            return await usage_store.largest(connection, wanted, dimension, limit)

    async def total(self, wanted: Wanted) -> dict[str, Json]:
        """The sum of all usage."""
        async with self.database.read() as connection:
            return figures_view(await usage_store.total(connection, wanted))

    async def table(self, wanted: Wanted, dimensions: Sequence[Dimension], at_once: int = _ROWS) -> AsyncIterator[str]:
        """All usage as CSV, piece by piece; the database is asked for `at_once` lines at a time."""
        columns = csv_columns(dimensions)
        yield csv_text([columns])
        after: dict[Dimension, str] | None = None
        while found := await self.usage(wanted, dimensions, after=after, limit=at_once):
            yield csv_text([line[name] for name in columns] for line in self.named(found))
            after = dict(found[-1].of)

    def named(self, found: Iterable[Usage]) -> list[dict[str, Json]]:
        """Lines of usage with the names of keys and channels."""
        lines = list(found)
        keys = {line.of[Dimension.KEY] for line in lines if Dimension.KEY in line.of}
        channels = {line.of[Dimension.CHANNEL] for line in lines if Dimension.CHANNEL in line.of}
        names = Names(
            {one: key.name for one in keys if (key := self.configuration.key_by_id(one))},
            {one: channel.name for one in channels if (channel := self.configuration.channel(one)) and not channel.deleted},
        )
        return [usage_view(line, names) for line in lines]


def recent(last: date) -> Wanted:
    """All usage of the last days up to this one."""
    return Wanted(first=date.fromordinal(max(last.toordinal() - RECENT_DAYS + 1, 1)), last=last)

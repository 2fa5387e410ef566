"""How often something happened in a stretch of time: counters that every process shares, gone some time after their stretch."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.inserts import inserts
from app.store.tables import rates
from app.store.types import Moment

_COUNTS = select(rates.c.name, rates.c.count).where(rates.c.name.in_(bindparam("names", expanding=True)))
_EXPIRY = select(rates.c.expires_at).where(rates.c.name == bindparam("which"))
_FORGET = delete(rates).where(rates.c.name.in_(bindparam("names", expanding=True)))
# One statement, so that of requests at the same time no more pass than there is room for.
_ADD = {
    name: insert.on_conflict_do_update(
        index_elements=[rates.c.name],
        set_={"count": rates.c.count + insert.excluded.count},
        where=rates.c.count + insert.excluded.count <= bindparam("at_most"),
    ).returning(rates.c.count)
    for name, insert in inserts(rates).items()
}
_idle = (
    select(rates.c.name)
    .where(rates.c.expires_at < bindparam("before", type_=Moment))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("idle")
)
_PURGE = delete(rates).where(rates.c.name.in_(select(_idle.c.name))).returning(rates.c.name)


async def counts(connection: AsyncConnection, names: Sequence[str]) -> Mapping[str, int]:
    """What these counters say; one that does not exist is left out."""
    return {row.name: int(row[1]) for row in await connection.execute(_COUNTS, {"names": list(names)})}


async def add(connection: AsyncConnection, name: str, amount: int, at_most: int, expires_at: datetime) -> int | None:
    """Counts on, unless the counter would exceed `at_most`; returns what it says then, None when nothing was counted."""
    if amount > at_most:
        return None
    row = {"name": name, "count": amount, "expires_at": expires_at, "at_most": at_most}
    counted: int | None = (await connection.execute(_ADD[connection.dialect.name], row)).scalar_one_or_none()
    return counted


async def expiry(connection: AsyncConnection, name: str) -> datetime | None:
    """From when on a counter means nothing any more; None for one that does not exist."""
    return (await connection.execute(_EXPIRY, {"which": name})).scalar_one_or_none()


async def forget(connection: AsyncConnection, names: Sequence[str]) -> None:
    """Starts these counters anew."""
    await connection.execute(_FORGET, {"names": list(names)})


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Removes at most `limit` counters that expired before this time; returns how many."""
    return len((await connection.execute(_PURGE, {"before": before, "most": limit})).all())

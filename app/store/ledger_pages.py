"""The ledger as operators leaf through it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.ledger import Line
from app.store.tables import ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines to list; None means all."""

    key_id: str | None = None
    job_id: str | None = None
    kind: str | None = None


async def page(connection: AsyncConnection, wanted: LineFilter, *, before: str | None = None, limit: int = 100) -> list[Line]:
    """At most `limit` lines, the newest first, older than the line `before`."""
    named = ((ledger.c.key_id, wanted.key_id), (ledger.c.job_id, wanted.job_id), (ledger.c.kind, wanted.kind))
    query = select(ledger).where(*(column == value for column, value in named if value is not None))
    if before is not None:
        query = query.where(ledger.c.number < select(ledger.c.number).where(ledger.c.id == before).scalar_subquery())
    rows = await connection.execute(query.order_by(ledger.c.number.desc()).limit(limit))
    return [Line(row.id, row.at, row.key_id, row.job_id, row.kind, row.micros) for row in rows]

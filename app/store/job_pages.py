"""Jobs as people leaf through them: whole jobs, by any mix of filters, the newest first.

Which rows belong to a page is asked of one index, and only those rows are read whole: a row is several kilobytes wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, JobStatus
from app.domain.requests import Operation
from app.store.rows import job_of
from app.store.tables import jobs

_OPERATIONS: tuple[Operation, ...] = ("video", "image")
_PLACE = (jobs.c.created_at, jobs.c.id)
_NEWEST_FIRST = [column.desc() for column in _PLACE]
_WHOLE = select(jobs.c.number, *_PLACE).where(jobs.c.parent_id.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeJobs:
    """Which jobs; None means all. Key and channel are ids."""

    status: JobStatus | None = None
    op: Operation | None = None
    model: str | None = None
    key_id: str | None = None
    channel_id: str | None = None


async def page(connection: AsyncConnection, wanted: WholeJobs, *, before: str | None = None, limit: int) -> list[Job]:
    """At most `limit` jobs, parts of jobs excluded, older than the job `before`; after one that is gone there is nothing."""
    place: tuple[datetime, str] | None = None
    if before is not None:
        found = (await connection.execute(select(*_PLACE).where(jobs.c.id == before))).first()
        if found is None:
            return []
        place = found.created_at, found.id
    numbers = await _numbers(connection, wanted, place, limit)
    rows = await connection.execute(select(jobs).where(jobs.c.number.in_(numbers)).order_by(*_NEWEST_FIRST))
    return [job_of(row) for row in rows.mappings()]


async def _numbers(connection: AsyncConnection, wanted: WholeJobs, place: tuple[datetime, str] | None, limit: int) -> Sequence[int]:
    found: list[tuple[datetime, str, int]] = []
    for query in _queries(wanted, by_time=connection.dialect.name == "sqlite"):
        older = query if place is None else query.where(tuple_(*_PLACE) < place)
        rows = await connection.execute(older.order_by(*_NEWEST_FIRST).limit(limit))
        found.extend((row.created_at, row.id, row.number) for row in rows)
    return [number for _, _, number in sorted(found, reverse=True)[:limit]]


def _queries(wanted: WholeJobs, *, by_time: bool) -> list[Select[tuple[int, datetime, str]]]:
    """What to ask: all of a key's jobs go by the key's index, which is in order for each kind alone; the rest by time.

    `by_time` is for SQLite, which keeps no statistics: it would gather and sort all that a key ever made.
    """
    if wanted.key_id is not None and (wanted.status, wanted.model, wanted.channel_id) == (None, None, None):
        kinds = _OPERATIONS if wanted.op is None else (wanted.op,)
        return [_WHOLE.where(jobs.c.key_id == wanted.key_id, jobs.c.op == kind) for kind in kinds]
    key: ColumnElement[str] = func.coalesce(jobs.c.key_id, "") if by_time else jobs.c.key_id  # an expression uses no index
    named = (
        (key, wanted.key_id),
        (jobs.c.status, None if wanted.status is None else wanted.status.value),
        (jobs.c.op, wanted.op),
        (jobs.c.model, wanted.model),
        (jobs.c.channel_id, wanted.channel_id),
    )
    return [_WHOLE.where(*(column == value for column, value in named if value is not None))]

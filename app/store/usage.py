"""What was made, in sums of day, key, model and channel: one row grows with each job that ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, RowMapping, and_, false, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, JobStatus
from app.domain.requests import VideoRequest
from app.store.changes import put
from app.store.inserts import inserts
from app.store.ledger import day_of
from app.store.tables import usage

_COUNTED = ("jobs", "completed", "failed", "results", "seconds", "spent")
_ADD = {
    name: insert.on_conflict_do_update(
        index_elements=[usage.c.day, usage.c.key_id, usage.c.model, usage.c.channel_id],
        set_={column: usage.c[column] + insert.excluded[column] for column in _COUNTED},
    )
    for name, insert in inserts(usage).items()
}


class Dimension(StrEnum):
    """By what usage can be told apart."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which usage to sum up: days from `first` to `last`, both included (UTC, of the jobs' creation); None means all."""

    first: date
    last: date
    key_id: str | None = None
    model: str | None = None
    channel_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Sums over jobs that have ended: `results` files, `seconds` of video, `spent` micro-dollars.

    `of` says whose sums these are, as far as they were told apart.
    """

    of: Mapping[Dimension, str] = field(default_factory=dict)
    jobs: int
    completed: int
    failed: int
    results: int
    seconds: float
    spent: int


_COLUMNS = {
    Dimension.DAY: usage.c.day,
    Dimension.MODEL: usage.c.model,
    Dimension.KEY: usage.c.key_id,
    Dimension.CHANNEL: usage.c.channel_id,
}
_SUMS = [func.coalesce(func.sum(usage.c[name]), 0).label(name) for name in _COUNTED]


async def add(connection: AsyncConnection, job: Job) -> None:
    """Counts a job that has ended, in the transaction that ends it; not for one that was made in parts: those count."""
    row = {
        **_place(job),
        "jobs": 1,
        "completed": int(job.status is JobStatus.COMPLETED),
        "failed": int(job.status is JobStatus.FAILED),
        "results": len(job.outputs),
        "seconds": _seconds(job),
        "spent": job.cost or 0,
    }
    await put(connection, _ADD[connection.dialect.name], row)


async def adjust(connection: AsyncConnection, job: Job, micros: int) -> None:
    """Adds to what a job cost that was counted before: its vendor delivered after the deadline."""
    row = {**_place(job), **dict.fromkeys(_COUNTED, 0), "spent": micros}
    await put(connection, _ADD[connection.dialect.name], row)


async def total(connection: AsyncConnection, wanted: Wanted) -> Usage:
    """One sum of everything."""
    found = await connection.execute(select(*_SUMS).where(*_chosen(wanted)))
    return _usage(found.mappings().one(), ())


async def page(
    connection: AsyncConnection,
    wanted: Wanted,
    dimensions: Sequence[Dimension],
    *,
    after: Mapping[Dimension, str] | None = None,
    limit: int | None = None,
) -> list[Usage]:
    """At most `limit` sums, one for each combination of these dimensions: the newest day first, then by name.

    `after` is the `of` of the last one of the page before.
    """
    columns = [_COLUMNS[dimension] for dimension in dimensions]
    names = [column for column in columns if column is not usage.c.day]
    order = [usage.c.day.desc(), *names] if Dimension.DAY in dimensions else names
    query = select(*columns, *_SUMS).where(*_chosen(wanted)).group_by(*columns).order_by(*order).limit(limit)
    if after is not None:
        query = query.where(_following(after))
    return [_usage(row, dimensions) for row in (await connection.execute(query)).mappings()]


async def largest(connection: AsyncConnection, wanted: Wanted, dimension: Dimension, limit: int) -> list[Usage]:
    """At most `limit` sums told apart by this dimension: what cost most first, then what was asked for most."""
    column = _COLUMNS[dimension]
    order = (func.sum(usage.c.spent).desc(), func.sum(usage.c.jobs).desc(), column)
    query = select(column, *_SUMS).where(*_chosen(wanted)).group_by(column).order_by(*order).limit(limit)
    return [_usage(row, [dimension]) for row in (await connection.execute(query)).mappings()]


def _place(job: Job) -> dict[str, object]:
    return {"day": day_of(job.created_at), "key_id": job.key_id, "model": job.model, "channel_id": job.channel_id}


def _seconds(job: Job) -> float:
    """Of video, as the vendor counts them, else as made, else as ordered."""
    if not isinstance(job.request, VideoRequest):
        return 0.0
    if job.usage is not None and job.usage.seconds is not None:
        return job.usage.seconds
    length = job.seconds
    if length is None and job.status is JobStatus.COMPLETED:
        length = job.request.duration
    return (length or 0.0) * len(job.outputs)


def _chosen(wanted: Wanted) -> list[ColumnElement[bool]]:
    named = ((usage.c.key_id, wanted.key_id), (usage.c.model, wanted.model), (usage.c.channel_id, wanted.channel_id))
    days = usage.c.day.between(wanted.first.isoformat(), wanted.last.isoformat())
    return [days, *(column == value for column, value in named if value is not None)]


def _following(place: Mapping[Dimension, str]) -> ColumnElement[bool]:
    """Later in the order of a page: an earlier day, or the same day and a later name."""
    names = [dimension for dimension in place if dimension is not Dimension.DAY]
    later = tuple_(*(_COLUMNS[name] for name in names)) > tuple_(*(place[name] for name in names)) if names else false()
    if Dimension.DAY not in place:
        return later
    return or_(usage.c.day < place[Dimension.DAY], and_(usage.c.day == place[Dimension.DAY], later))


def _usage(row: RowMapping, dimensions: Sequence[Dimension]) -> Usage:
    return Usage(
        of={dimension: row[_COLUMNS[dimension].name] for dimension in dimensions},
        jobs=int(row["jobs"]),  # PostgreSQL sums whole numbers to decimals
        completed=int(row["completed"]),
        failed=int(row["failed"]),
        results=int(row["results"]),
        seconds=float(row["seconds"]),
        spent=int(row["spent"]),
    )

"""Jobs as people leaf through them, by any mix of filters, the newest first.

Which rows belong to a page is asked of one index, and only those rows are read whole: a row is several kilobytes wide.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, ScalarSelect, func, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, JobStatus
from app.domain.requests import Operation
from app.store.rows import job_of
from app.store.tables import jobs, not_completed_jobs

_OPERATIONS: tuple[Operation, ...] = ("video", "image")
_PLACE = (jobs.c.created_at, jobs.c.id)
_NEWEST_FIRST = [column.desc() for column in _PLACE]
_FEW = 200  # jobs that are quickly read one by one
_OF_A_KIND = ("key_id", "model", "channel_id")  # their indexes know the kind before the time
_WIDE = ("key_id", "status")  # their indexes hold all that can be filtered by


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeJobs:
    """Which jobs; None means all. Key and channel are ids."""

    status: JobStatus | None = None
    op: Operation | None = None
    model: str | None = None
    key_id: str | None = None
    channel_id: str | None = None


async def page(
    connection: AsyncConnection, wanted: WholeJobs, *, before: str | None = None, limit: int, parts: bool = False
) -> list[Job]:
    """At most `limit` jobs, older than the job `before`; after one that is gone there is nothing.

    Parts of jobs are left out, unless `parts` asks for them, too.
    """
    named = _named(wanted)
    shared: list[ColumnElement[bool]] = [] if parts else [jobs.c.parent_id.is_(None)]
    if before is not None:
        shared.append(tuple_(*_PLACE) < select(*_PLACE).where(jobs.c.id == before).scalar_subquery())
    lists = [
        select(jobs.c.number).where(*shared, *conditions).order_by(*_NEWEST_FIRST).limit(limit)
        for conditions in _lists(named, await _leader(connection, named), steered=connection.dialect.name == "sqlite")
    ]
    numbers = lists[0] if len(lists) == 1 else union_all(*(select(one.subquery()) for one in lists))
    rows = await connection.execute(select(jobs).where(jobs.c.number.in_(numbers)).order_by(*_NEWEST_FIRST).limit(limit))
    return [job_of(row) for row in rows.mappings()]


def _named(wanted: WholeJobs) -> dict[str, str]:
    """The filters that were given, a column and its value; those that are best gone by come first."""
    status = None if wanted.status is None else wanted.status.value
    filters = {"key_id": wanted.key_id, "status": status, "model": wanted.model, "channel_id": wanted.channel_id, "op": wanted.op}
    return {name: value for name, value in filters.items() if value is not None}


async def _leader(connection: AsyncConnection, named: Mapping[str, str]) -> str | None:
    """The filter whose index is gone by; None: by time.

    Of several it is one that few jobs fit. They are counted, because SQLite keeps no statistics, and those of PostgreSQL
    do not know which filters exclude each other.
    """
    leading = [name for name in named if name != "status" or named[name] != JobStatus.COMPLETED]
    if len(named) < 2 or (len(named) == 2 and "op" in named and "status" not in named):
        return next(iter(leading), None)
    counts = (await connection.execute(select(*(_count(name, named[name]) for name in leading)))).one()
    few = [name for name, count in zip(leading, counts, strict=True) if count < _FEW]
    return next(iter([*few, *(name for name in leading if name in _WIDE)]), None)


def _count(name: str, value: str) -> ScalarSelect[int]:
    """How many jobs fit this filter, counted no further than matters."""
    fitting = select(jobs.c[name]).where(*_indexed(name, value)).limit(_FEW)
    return select(func.count()).select_from(fitting.subquery()).scalar_subquery()


def _lists(named: Mapping[str, str], leader: str | None, *, steered: bool) -> list[list[ColumnElement[bool]]]:
    """What to ask of the leader's index: one list, or one of each kind where the index is in order only so."""
    led = [] if leader is None else _indexed(leader, named[leader])
    if leader not in _OF_A_KIND:
        return [[*led, *_checked(named, leader, steered=steered)]]
    kinds = [named["op"]] if "op" in named else _OPERATIONS
    return [[*led, jobs.c.op == kind, *_checked(named, leader, "op", steered=steered)] for kind in kinds]


def _indexed(name: str, value: str) -> list[ColumnElement[bool]]:
    return [jobs.c[name] == value, not_completed_jobs] if name == "status" else [jobs.c[name] == value]


def _checked(named: Mapping[str, str], *but: str | None, steered: bool) -> list[ColumnElement[bool]]:
    columns = {name: jobs.c[name] for name in named if name not in but}
    # an expression uses no index
    return [(func.coalesce(column, "") if steered else column) == named[name] for name, column in columns.items()]

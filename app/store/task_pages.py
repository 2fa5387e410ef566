"""A key's own jobs by page number, for clients of an API that counts pages; the gateway's own lists go by place instead."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, func, not_, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, JobStatus
from app.store.rows import job_of
from app.store.tables import jobs

_failure = type_coerce(jobs.c.failure, Text)


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which jobs: of one status, failed with one of these codes or with none of those, with these ids, of one model."""

    status: JobStatus | None = None
    codes: Collection[str] = ()
    other_than: Collection[str] = ()
    ids: Sequence[str] = ()
    model: str | None = None


async def task_page(
    connection: AsyncConnection, key_id: str, op: str, wanted: TaskFilter, *, limit: int, offset: int
) -> tuple[list[Job], int]:
    """At most `limit` jobs after the first `offset`, the newest first, and how many there are in all."""
    conditions = [jobs.c.key_id == key_id, jobs.c.op == op, jobs.c.parent_id.is_(None), *_conditions(wanted)]
    total = (await connection.execute(select(func.count()).select_from(jobs).where(*conditions))).scalar_one()
    if offset >= total:
        return [], total
    page = select(jobs).where(*conditions).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit).offset(offset)
    return [job_of(row) for row in (await connection.execute(page)).mappings()], total


def _conditions(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        found.append(jobs.c.status == wanted.status.value)
    if wanted.codes:
        found.append(_failed_with(wanted.codes))
    if wanted.other_than:
        found.append(or_(jobs.c.failure.is_(None), not_(_failed_with(wanted.other_than))))
    if wanted.ids:
        found.append(jobs.c.id.in_(wanted.ids))
    if wanted.model is not None:
        found.append(jobs.c.model == wanted.model)
    return found


def _failed_with(codes: Collection[str]) -> ColumnElement[bool]:
    # a failure is stored as JSON text whose first member is the code
    return or_(*(_failure.startswith(f'{{"code":"{code}"', autoescape=True) for code in codes))

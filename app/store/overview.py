"""How things stand, in a few numbers that cost little however many jobs there are."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import JobStatus
from app.store.tables import jobs, open_jobs
from app.store.types import Moment

# Parts are left out: whoever asked sees the job that they belong to.
_OPEN = select(jobs.c.status, func.count()).where(open_jobs, jobs.c.parent_id.is_(None)).group_by(jobs.c.status)
_NEWEST = (
    select(jobs.c.op, jobs.c.status, jobs.c.created_at, jobs.c.completed_at)
    .where(jobs.c.parent_id.is_(None), jobs.c.created_at >= bindparam("since", type_=Moment))
    .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    .limit(bindparam("most"))
)


async def open_by_status(connection: AsyncConnection) -> dict[JobStatus, int]:
    """How many jobs are open, by status."""
    return {JobStatus(status): count for status, count in (await connection.execute(_OPEN)).all()}


async def spans(connection: AsyncConnection, since: datetime, most: int) -> Sequence[tuple[str, timedelta]]:
    """Of the newest `most` jobs since then those that are completed: their operation, and how long they took in all."""
    rows = (await connection.execute(_NEWEST, {"since": since, "most": most})).all()
    return [(op, ended - begun) for op, status, begun, ended in rows if status == JobStatus.COMPLETED and ended is not None]

"""Jobs that their deadline ended while their vendor was still at work."""

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job
from app.store.rows import job_of
from app.store.tables import jobs
from app.store.types import Moment

_due = jobs.c.late_due <= bindparam("now", type_=Moment)
_ANY = select(jobs.c.number).where(_due).limit(1)
_free = (
    select(jobs.c.number)
    .where(_due)
    .order_by(jobs.c.late_due)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("free")
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.number.in_(select(_free.c.number)))
    .values(late_due=bindparam("until", type_=Moment))
    .returning(*jobs.c)
)
_PUT = update(jobs).where(jobs.c.id == bindparam("which"), jobs.c.late_at.is_(None)).values(late_due=bindparam("due", type_=Moment))


async def any_due(connection: AsyncConnection, now: datetime) -> bool:
    """Whether some job is due."""
    return (await connection.execute(_ANY, {"now": now})).first() is not None


async def claim(connection: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Job]:
    """At most `limit` jobs that are due; nobody else gets them before `until`."""
    rows = (await connection.execute(_CLAIM, {"now": now, "until": until, "most": limit})).mappings()
    return [job_of(row) for row in rows]


async def put_due(connection: AsyncConnection, job_id: str, due: datetime | None) -> None:
    """When to ask again; None is never."""
    await connection.execute(_PUT, {"which": job_id, "due": due})

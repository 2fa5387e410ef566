"""Jobs that are held back until a limit leaves room."""

from datetime import datetime

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, Stage
from app.store.rows import job_of
from app.store.tables import jobs, open_jobs
from app.store.types import Moment

_held = (open_jobs, jobs.c.stage == literal_column(f"'{Stage.HELD}'"))
_turns = (
    select(jobs.c.number, func.row_number().over(partition_by=jobs.c.key_id, order_by=jobs.c.number).label("turn"))
    .where(*_held)
    .subquery()
)
_WAITING = (
    select(jobs)
    .join(_turns, _turns.c.number == jobs.c.number)
    .where(_turns.c.turn <= bindparam("each"))
    .order_by(_turns.c.turn, jobs.c.number)
    .limit(bindparam("most"))
)
_EXPIRED = select(jobs).where(*_held, jobs.c.deadline_at <= bindparam("now", type_=Moment)).limit(bindparam("most"))


async def waiting(connection: AsyncConnection, *, each: int, limit: int) -> list[Job]:
    """The held jobs whose turn it is: of each key the oldest `each`; the first of every key come before any second."""
    rows = (await connection.execute(_WAITING, {"each": each, "most": limit})).mappings()
    return [job_of(row) for row in rows]


async def expired(connection: AsyncConnection, now: datetime, limit: int) -> list[Job]:
    """Held jobs whose deadline has passed."""
    rows = (await connection.execute(_EXPIRED, {"now": now, "most": limit})).mappings()
    return [job_of(row) for row in rows]

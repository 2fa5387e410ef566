"""Who runs which open job: each is leased to one worker for as long as that worker beats."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, literal_column, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, Stage
from app.store.rows import job_of
from app.store.tables import jobs, open_jobs, workers
from app.store.types import Moment

_registered = exists().where(workers.c.id == jobs.c.lease_owner)
_silent = jobs.c.lease_owner.in_(bindparam("silent", expanding=True))
# A common table expression, because PostgreSQL may run a plain sub-select more than once and then take more than `limit`.
_free = (
    select(jobs.c.number)
    .where(
        open_jobs,
        jobs.c.stage != literal_column(f"'{Stage.HELD}'"),  # these belong to nobody until there is room for them
        or_(jobs.c.lease_owner.is_(None), (jobs.c.lease_owner != bindparam("worker")) & or_(_silent, not_(_registered))),
    )
    .order_by(jobs.c.number + 0)  # "+ 0" keeps both databases from walking all jobs in this order to find the few open ones
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("free")
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.number.in_(select(_free.c.number)))
    .values(lease_owner=bindparam("worker"), leased_at=bindparam("now", type_=Moment))
    .returning(*jobs.c)
)
_RELEASE = update(jobs).where(open_jobs, jobs.c.lease_owner == bindparam("worker")).values(lease_owner=None, leased_at=None)
_OWNER = select(jobs.c.lease_owner).where(jobs.c.id == bindparam("which"))


async def claim(connection: AsyncConnection, *, worker: str, now: datetime, silent: Sequence[str], limit: int) -> list[Job]:
    """Takes over at most `limit` open jobs that nobody runs, the oldest first.

    Nobody runs a job that has no owner, or whose owner is `silent` or not registered. One statement:
    of workers that claim at the same time each gets other jobs. The claiming worker must itself beat.
    """
    values = {"worker": worker, "now": now, "silent": list(silent), "most": limit}
    rows = (await connection.execute(_CLAIM, values)).mappings()
    return sorted((job_of(row) for row in rows), key=lambda job: job.number)


async def release(connection: AsyncConnection, worker: str) -> int:
    """Gives up the worker's open jobs, so that others can claim them at once; returns how many."""
    return (await connection.execute(_RELEASE, {"worker": worker})).rowcount


async def owner_of(connection: AsyncConnection, job_id: str) -> str | None:
    """The worker that the job is (or, once it ended, was last) leased to."""
    found: str | None = (await connection.execute(_OWNER, {"which": job_id})).scalar_one_or_none()
    return found

"""How far a job is: the two columns that are read again and again while somebody waits for news of it."""

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import JobStatus
from app.store.tables import jobs

_STANDING = select(jobs.c.status, jobs.c.progress).where(jobs.c.id == bindparam("which"))


async def standing(connection: AsyncConnection, job_id: str) -> tuple[JobStatus, int] | None:
    """The job's status and progress (percent); None when there is no such job."""
    row = (await connection.execute(_STANDING, {"which": job_id})).first()
    return None if row is None else (JobStatus(row.status), row.progress)

"""The tries of each job to be accepted by a vendor."""

from dataclasses import fields

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.attempts import Attempt
from app.store.changes import put
from app.store.tables import attempts

_NAMES = tuple(field.name for field in fields(Attempt))
_LATER = ("ended_at", "status", "reply", "request_id", "outcome", "detail")  # what is known once it has ended
_INSERT = insert(attempts)
_FINISH = update(attempts).where(attempts.c.job_id == bindparam("of_job"), attempts.c.number == bindparam("at_number"))
_OF_JOB = select(*(attempts.c[name] for name in _NAMES)).where(attempts.c.job_id == bindparam("of_job")).order_by(attempts.c.number)


async def insert_one(connection: AsyncConnection, attempt: Attempt) -> None:
    """Adds a try; its number must be new for its job."""
    await put(connection, _INSERT, _row(attempt))


async def finish(connection: AsyncConnection, attempt: Attempt) -> None:
    """Writes what came of a try that was inserted before."""
    row: dict[str, object] = {name: getattr(attempt, name) for name in _LATER}
    await put(connection, _FINISH, {"of_job": attempt.job_id, "at_number": attempt.number, **row})


async def of_job(connection: AsyncConnection, job_id: str) -> tuple[Attempt, ...]:
    """A job's tries, in order."""
    found = await connection.execute(_OF_JOB, {"of_job": job_id})
    return tuple(Attempt(**row) for row in found.mappings())


def _row(attempt: Attempt) -> dict[str, object]:
    return {name: getattr(attempt, name) for name in _NAMES}

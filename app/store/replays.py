"""What each name of a key's requests stands for, and the answers to give again."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Executable, RowMapping, bindparam, delete, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job
from app.domain.replays import Replay, StoredAnswer
from app.store.inserts import inserts
from app.store.rows import job_of
from app.store.tables import jobs, replays, workers
from app.store.types import Moment

_this = (replays.c.key_id == bindparam("of_key"), replays.c.name == bindparam("named"))
_of_job = replays.c.job_id == bindparam("of_job")
_expired = replays.c.expires_at <= bindparam("now", type_=Moment)
_unanswered = replays.c.status.is_(None)

_INSERT = {name: insert.on_conflict_do_nothing() for name, insert in inserts(replays).items()}
_GET = select(replays).where(*_this)
_ANSWER = update(replays).where(*_this, _unanswered)
_FORGET_EXPIRED = delete(replays).where(*_this, _expired).returning(replays.c.asset)
_FORGET_JOB = delete(replays).where(_of_job, replays.c.expires_at.is_(None)).returning(replays.c.asset)
_RELEASE = delete(replays).where(_of_job, _unanswered)
_UNNAME = update(jobs).where(jobs.c.id == bindparam("of_job")).values(client_task_id=null())
_EXPIRED = select(replays.c.key_id, replays.c.name).where(_expired).order_by(replays.c.expires_at).limit(bindparam("most"))
_NEWEST = (
    select(jobs)
    .where(
        jobs.c.key_id == bindparam("of_key"),
        jobs.c.fingerprint == bindparam("print"),
        jobs.c.created_at >= bindparam("since", type_=Moment),
        jobs.c.parent_id.is_(None),
    )
    .order_by(jobs.c.created_at.desc(), jobs.c.number.desc())
    .limit(1)
)
_LIVING_OWNER = select(workers.c.id).join(jobs, jobs.c.lease_owner == workers.c.id).where(jobs.c.id == bindparam("of_job"))


async def insert(connection: AsyncConnection, replay: Replay) -> bool:
    """Takes a name for a new job, in the transaction that stores the job; False: it is taken already, nothing was written."""
    row = {name: getattr(replay, name) for name in ("key_id", "name", "fingerprint", "job_id", "created_at", "expires_at")}
    return (await connection.execute(_INSERT[connection.dialect.name], row)).rowcount == 1


async def get(connection: AsyncConnection, key_id: str, name: str) -> Replay | None:
    """What the name stands for; one that has expired is there until somebody removes it."""
    row = (await connection.execute(_GET, {"of_key": key_id, "named": name})).mappings().first()
    return None if row is None else _replay(row)


async def answer(connection: AsyncConnection, key_id: str, name: str, given: StoredAnswer) -> bool:
    """Compare-and-set: keeps the first answer to a name; False when it has one already, or is forgotten."""
    row = {"status": given.status, "headers": dict(given.headers), "body": given.body, "asset": given.asset}
    return (await connection.execute(_ANSWER, {"of_key": key_id, "named": name, **row})).rowcount == 1


async def forget_expired(connection: AsyncConnection, key_id: str, name: str, now: datetime) -> str | None:
    """Frees a name that expired by `now`; returns the file of ours that held its answer, for the caller to delete."""
    return await _asset(connection, _FORGET_EXPIRED, {"of_key": key_id, "named": name, "now": now})


async def forget_job(connection: AsyncConnection, job_id: str) -> list[str]:
    """Frees the names that a deleted job bore for good; an `Idempotency-Key` stands for its answer to the end of its day.

    Returns the files of ours that held their answers, for the caller to delete.
    """
    assets = (await connection.execute(_FORGET_JOB, {"of_job": job_id})).scalars()
    return [asset for asset in assets if asset is not None]


async def release(connection: AsyncConnection, job_id: str) -> None:
    """Frees the unanswered names of a job that certainly started nothing, so that the next request of the name runs."""
    await connection.execute(_RELEASE, {"of_job": job_id})
    await connection.execute(_UNNAME, {"of_job": job_id})


async def purge(connection: AsyncConnection, now: datetime, limit: int) -> list[str]:
    """Removes at most `limit` expired names; returns the files of ours that held their answers, for the caller to delete."""
    expired = (await connection.execute(_EXPIRED, {"now": now, "most": limit})).all()
    assets = [await forget_expired(connection, row.key_id, row.name, now) for row in expired]
    return [asset for asset in assets if asset is not None]


async def newest_job(connection: AsyncConnection, key_id: str, fingerprint: str, since: datetime) -> Job | None:
    """The key's last job that an equal request made at `since` or later."""
    row = (await connection.execute(_NEWEST, {"of_key": key_id, "print": fingerprint, "since": since})).mappings().first()
    return None if row is None else job_of(row)


async def living_owner(connection: AsyncConnection, job_id: str) -> str | None:
    """The worker that a job is (or, once it ended, was last) leased to, as long as that is registered."""
    found: str | None = (await connection.execute(_LIVING_OWNER, {"of_job": job_id})).scalar_one_or_none()
    return found


async def _asset(connection: AsyncConnection, statement: Executable, values: Mapping[str, object]) -> str | None:
    asset: str | None = (await connection.execute(statement, values)).scalar_one_or_none()
    return asset


def _replay(row: RowMapping) -> Replay:
    names = ("key_id", "name", "fingerprint", "job_id", "created_at", "expires_at")
    given = None
    if row["status"] is not None:
        given = StoredAnswer(row["status"], row["headers"] or {}, row["body"], row["asset"])
    return Replay(**{name: row[name] for name in names}, answer=given)

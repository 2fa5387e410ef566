"""Jobs whose results are to be copied to our storage, and where the copies lie."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Integer, bindparam, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, Output
from app.domain.replacing import replace
from app.store import jobs as job_store
from app.store.rows import changed_row, job_of
from app.store.tables import final_jobs, jobs
from app.store.types import JsonText, Moment

_due = jobs.c.copy_due <= bindparam("now", type_=Moment)
_UNTIL = bindparam("until", type_=Moment)
_ANY = select(jobs.c.number).where(_due).limit(1)
_free = (
    select(jobs.c.number)
    .where(_due)
    .order_by(jobs.c.copy_due)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("free")
)
_CLAIM = update(jobs).where(jobs.c.number.in_(select(_free.c.number))).values(copy_due=_UNTIL).returning(*jobs.c)
_waits = jobs.c.copy_due.is_not(None)
_KEEP = update(jobs).where(jobs.c.id.in_(bindparam("ids", expanding=True)), _waits).values(copy_due=_UNTIL)
_ASK = update(jobs).where(jobs.c.id == bindparam("which")).values(copy_due=bindparam("due", type_=Moment))
_AGAIN = _ASK.where(_waits).values(copy_tries=bindparam("tries", type_=Integer))
_PUT = update(jobs).where(jobs.c.id == bindparam("which"), final_jobs, jobs.c.outputs == bindparam("known", type_=JsonText))
_PUT_LAST = _PUT.values(copy_due=null())
_DONE = update(jobs).where(jobs.c.id == bindparam("which")).values(copy_due=null())


async def any_due(connection: AsyncConnection, now: datetime) -> bool:
    """Whether some job is due."""
    return (await connection.execute(_ANY, {"now": now})).first() is not None


async def claim(connection: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Job]:
    """At most `limit` jobs that are due; nobody else gets them before `until`."""
    rows = (await connection.execute(_CLAIM, {"now": now, "until": until, "most": limit})).mappings()
    return [job_of(row) for row in rows]


async def keep(connection: AsyncConnection, job_ids: Iterable[str], until: datetime) -> None:
    """Goes on holding jobs that were claimed, as far as they still wait."""
    await connection.execute(_KEEP, {"ids": list(job_ids), "until": until})


async def ask(connection: AsyncConnection, job_id: str, due: datetime) -> None:
    """Has the job's results copied, from this time on."""
    await connection.execute(_ASK, {"which": job_id, "due": due})


async def again(connection: AsyncConnection, job_id: str, *, due: datetime, tries: int) -> None:
    """When to try once more, after so many tries; a job that no longer waits is left alone."""
    await connection.execute(_AGAIN, {"which": job_id, "due": due, "tries": tries})


async def done(connection: AsyncConnection, job_id: str) -> None:
    """Nothing of the job is to be copied any more."""
    await connection.execute(_DONE, {"which": job_id})


async def put(connection: AsyncConnection, job_id: str, index: int, output: Output) -> Job | None:
    """Writes where the copy of one result lies (`output` says it, with type, size and digest); the job as it is now.

    None, and nothing is written, when the job is gone or not final, when that result is no longer the one that was copied, or
    when somebody else has copied it.
    """
    job = await job_store.lock(connection, job_id)
    if job is None or not job.status.final or index >= len(job.outputs):
        return None
    current = job.outputs[index]
    if current.asset is not None or (current.url, current.part) != (output.url, output.part):
        return None
    changed = _with_copy(job, index, output)
    return changed if await job_store.replace_outputs(connection, changed) else None


async def put_known(connection: AsyncConnection, job: Job, index: int, output: Output, *, last: bool) -> Job | None:
    """`put` for who knows the job, in one statement where its results are still those that are known; `last`: and `done`."""
    changed = _with_copy(job, index, output)
    before, after = changed_row(job), changed_row(changed)
    row = {"which": job.id, "known": before["outputs"], "outputs": after["outputs"], "expires_at": after["expires_at"]}
    if (await connection.execute(_PUT_LAST if last else _PUT, row)).rowcount == 1:
        return changed
    kept = await put(connection, job.id, index, output)
    if last:
        await done(connection, job.id)
    return kept


def _with_copy(job: Job, index: int, output: Output) -> Job:
    kept = replace(job.outputs[index], asset=output.asset, mime=output.mime, size=output.size, sha256=output.sha256)
    return with_outputs(job, (*job.outputs[:index], kept, *job.outputs[index + 1 :]))


def with_outputs(job: Job, outputs: tuple[Output, ...]) -> Job:
    """The job with these results; they do not expire when all of them are ours."""
    ours = all(output.asset is not None for output in outputs)
    return replace(job, outputs=outputs, expires_at=None if ours else job.expires_at)

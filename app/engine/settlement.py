"""Ends a job's money in the transaction that ends the job, so that both happen once or not at all."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Job, JobStatus
from app.domain.replacing import replace
from app.store import copies as copy_store
from app.store import jobs as job_store
from app.store import ledger, usage


async def settle(connection: AsyncConnection, job: Job, now: datetime, last_part: Job | None = None) -> Job:
    """Settles a job that was just written as ended (its `cost` is known); other jobs are left alone.

    A job that came out dearer than was held costs the difference only as far as its key's budget goes. A part's money is its
    parent's, which is settled when the last part ends.
    """
    if not job.status.final:
        return job
    if job.parent_id is None:
        wanted = job.cost or 0
        job = await _within_budget(connection, job)
        await ledger.settle(connection, job, job.cost or 0, now)
        if last_part is not None:
            await usage.adjust(connection, last_part, (job.cost or 0) - wanted)
    if job.channel_id:
        await usage.add(connection, job)
    return job


async def settle_late(connection: AsyncConnection, job: Job, now: datetime) -> bool:
    """Writes a result that came after the deadline and takes what it cost, as far as the budget goes; False if it was there.

    While other parts of the job are still open, it is settled with them.
    """
    parent = None if job.parent_id is None else await job_store.lock(connection, job.parent_id)
    if not await job_store.deliver_late(connection, job):
        return False
    if parent is not None and not parent.status.final:
        await job_store.set_cost(connection, job.id, job.cost or 0)
        await usage.adjust(connection, job, job.cost or 0)
        return True
    left = await ledger.left(connection, job.key_id, job.created_at)
    charged = (job.cost or 0) if left is None else max(min(job.cost or 0, left), 0)
    await ledger.adjust(connection, job, charged, now)
    await job_store.set_cost(connection, job.id, charged)
    await usage.adjust(connection, job, charged)
    if parent is not None:
        await job_store.set_cost(connection, parent.id, (parent.cost or 0) + charged)
        await job_store.replace_outputs(connection, _with_late_part(parent, job))
        await copy_store.ask(connection, parent.id, now)
    return True


def _with_late_part(parent: Job, part: Job) -> Job:
    """The ended parent with what a part of it brought afterwards: who pays for it gets it."""
    late_at = part.late_at if parent.status is JobStatus.FAILED else parent.late_at
    outputs = (*parent.outputs, *(replace(output, part=part.id) for output in part.outputs))
    return replace(parent, outputs=outputs, late_at=late_at, expires_at=part.expires_at)


async def _within_budget(connection: AsyncConnection, job: Job) -> Job:
    over = (job.cost or 0) - job.reserved
    left = await ledger.left(connection, job.key_id, job.created_at) if over > 0 else None
    if left is None or left >= over:
        return job
    capped = replace(job, cost=job.reserved + max(left, 0))
    await job_store.set_cost(connection, job.id, capped.cost or 0)
    return capped

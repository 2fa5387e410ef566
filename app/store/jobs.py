"""Jobs: inserted before anything is sent, changed only while open, claimed by one worker at a time."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

from sqlalchemy import Select, bindparam, delete, func, null, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.attempts import Attempt
from app.domain.jobs import Job, JobStatus, Stage
from app.domain.json import JsonObject
from app.domain.replacing import replace
from app.store import job_pages
from app.store.attempts import insert_one as insert_attempt
from app.store.inserts import inserts
from app.store.job_pages import WholeJobs
from app.store.rows import changed_row, job_of, new_row, sent_row
from app.store.tables import final_jobs, jobs, named_by_client, open_jobs

_INSERT = {
    name: insert.on_conflict_do_nothing(
        index_elements=[jobs.c.key_id, jobs.c.client_task_id], index_where=named_by_client
    ).returning(jobs.c.number)
    for name, insert in inserts(jobs).items()
}
_RECORD = update(jobs).where(jobs.c.id == bindparam("which"), open_jobs)
_RECORD_OWNED = _RECORD.where(jobs.c.lease_owner == bindparam("held_by"))

_RECORD_STAGED = _RECORD.where(jobs.c.stage == bindparam("staged"))
_PARK = _RECORD_OWNED.values(lease_owner=null())
_RELEASE = _RECORD_STAGED.values(lease_owner=bindparam("held_by"))

_LATE = update(jobs).where(jobs.c.id == bindparam("which"), jobs.c.late_due.is_not(None), jobs.c.late_at.is_(None))
_SET_COST = update(jobs).where(jobs.c.id == bindparam("which")).values(cost=bindparam("micros"))
_OUTPUTS = update(jobs).where(jobs.c.id == bindparam("which"), final_jobs)

_GET = select(jobs).where(jobs.c.id == bindparam("which"))
_LOCK = _GET.with_for_update()
_GET_OF_KEY = _GET.where(jobs.c.key_id == bindparam("of_key"), jobs.c.parent_id.is_(None))
_GET_MANY = select(jobs).where(jobs.c.id.in_(bindparam("ids", expanding=True))).order_by(jobs.c.number)
_CHILDREN = select(jobs).where(jobs.c.parent_id == bindparam("of_parent")).order_by(jobs.c.number)
_BY_CLIENT_TASK = select(jobs).where(jobs.c.key_id == bindparam("of_key"), jobs.c.client_task_id == bindparam("named"))
_ROUTE = select(jobs.c.route).where(jobs.c.id == bindparam("which"))
_DELETE = delete(jobs).where(
    jobs.c.id == bindparam("which"), jobs.c.key_id == bindparam("of_key"), jobs.c.parent_id.is_(None), final_jobs
)
_place = tuple_(jobs.c.created_at, jobs.c.id)


async def insert(
    connection: AsyncConnection, job: Job, *, owner: str | None, attempt: Attempt | None = None, route: Sequence[JsonObject] = ()
) -> Job | None:
    """Adds a job (leased to the worker `owner`) and its first try; returns it with its row number.

    None: the key already has a job with this `client_task_id` (see `by_client_task`), and nothing was written.
    `route` is a list of {channel, eligible, reason}, for the operator.
    """
    row = new_row(job) | {"lease_owner": owner, "route": list(route)}
    number = (await connection.execute(_INSERT[connection.dialect.name], row)).scalar_one_or_none()
    if number is None:
        return None
    if attempt is not None:
        await insert_attempt(connection, attempt)
    return replace(job, number=number)


async def record(
    connection: AsyncConnection, job: Job, *, owner: str | None = None, stage: Stage | None = None, sending: bool = False
) -> bool:
    """Compare-and-set: writes what may change, if the stored job is still open, leased to `owner` and at `stage` (when given).

    True for exactly one of several callers that end the job; who gets False must not act on its outcome. `sending`: it is about
    to be sent, and what is sent may be another thing than what was stored.
    """
    row = (sent_row(job) if sending else changed_row(job)) | {"which": job.id}
    if stage is not None:
        return (await connection.execute(_RECORD_STAGED, row | {"staged": stage.value})).rowcount == 1
    if owner is None:
        return (await connection.execute(_RECORD, row)).rowcount == 1
    return (await connection.execute(_RECORD_OWNED, row | {"held_by": owner})).rowcount == 1


async def release(connection: AsyncConnection, job: Job, *, owner: str) -> bool:
    """`record` for a job that is still held back: it is leased to `owner` from now on."""
    row = sent_row(job) | {"which": job.id, "staged": Stage.HELD.value, "held_by": owner}
    return (await connection.execute(_RELEASE, row)).rowcount == 1


async def park(connection: AsyncConnection, job: Job, *, owner: str) -> bool:
    """`record` for a job that is held back from now on: nobody has it until `release`."""
    return (await connection.execute(_PARK, sent_row(job) | {"which": job.id, "held_by": owner})).rowcount == 1


async def deliver_late(connection: AsyncConnection, job: Job) -> bool:
    """Writes the results of a job that its deadline ended; False when somebody did so, or it no longer waits for them."""
    row = changed_row(job)
    names = ("outputs", "usage", "made", "facts", "expires_at", "updated_at", "late_at", "late_due", "copy_due")
    return (await connection.execute(_LATE, {name: row[name] for name in names} | {"which": job.id})).rowcount == 1


async def set_cost(connection: AsyncConnection, job_id: str, micros: int) -> None:
    """What the job really cost its key."""
    await connection.execute(_SET_COST, {"which": job_id, "micros": micros})


async def get(connection: AsyncConnection, job_id: str, *, key_id: str | None = None) -> Job | None:
    """The job with this id; with `key_id` only a client's own, parts of other jobs excluded."""
    if key_id is None:
        return await _one(connection, _GET, which=job_id)
    return await _one(connection, _GET_OF_KEY, which=job_id, of_key=key_id)


async def lock(connection: AsyncConnection, job_id: str) -> Job | None:
    """The job, held against other writers to the end of this transaction (SQLite has only one writer anyway)."""
    return await _one(connection, _LOCK, which=job_id)


async def get_many(connection: AsyncConnection, ids: Iterable[str]) -> list[Job]:
    """The jobs with these ids, the oldest first; unknown ids are left out."""
    return await _all(connection, _GET_MANY, ids=list(ids))


async def children(connection: AsyncConnection, parent_id: str) -> list[Job]:
    """The parts of an n > 1 job, in the order in which they were made."""
    return await _all(connection, _CHILDREN, of_parent=parent_id)


async def by_client_task(connection: AsyncConnection, key_id: str, client_task_id: str) -> Job | None:
    """The key's job that the client named so."""
    return await _one(connection, _BY_CLIENT_TASK, of_key=key_id, named=client_task_id)


async def route_of(connection: AsyncConnection, job_id: str) -> list[JsonObject]:
    """How the job's channels were chosen: a list of {channel, eligible, reason}."""
    found: list[JsonObject] | None = (await connection.execute(_ROUTE, {"which": job_id})).scalar_one_or_none()
    return found or []


async def page(
    connection: AsyncConnection,
    *,
    key_id: str,
    op: str | None = None,
    limit: int,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> list[Job]:
    """At most `limit` of a key's own jobs by creation time, following the job `after`.

    An `after` that is not one of the key's jobs gives an empty page. Ask for one more than shown to learn whether more follow.
    """
    given = {"of_key": key_id, "most": limit, "of_op": op, "after_job": after}
    wanted = {name: value for name, value in given.items() if value is not None}
    return await _all(connection, _page(order, op is not None, after is not None), **wanted)


@cache
def _page(order: Literal["asc", "desc"], of_op: bool, after: bool) -> Select[tuple[object, ...]]:
    own = (jobs.c.key_id == bindparam("of_key"), jobs.c.parent_id.is_(None))
    query = select(jobs).where(*own).limit(bindparam("most"))
    if of_op:
        query = query.where(jobs.c.op == bindparam("of_op"))
    if after:
        place = select(jobs.c.created_at, jobs.c.id).where(jobs.c.id == bindparam("after_job"), *own).scalar_subquery()
        query = query.where(_place > place if order == "asc" else _place < place)
    return query.order_by(*(column.asc() if order == "asc" else column.desc() for column in (jobs.c.created_at, jobs.c.id)))


async def admin_page(
    connection: AsyncConnection,
    *,
    status: JobStatus | None = None,
    key_id: str | None = None,
    channel: str | None = None,
    model: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Job]:
    """At most `limit` jobs of all keys, parts included, the newest first, older than the job `before`. `channel` is an id."""
    wanted = WholeJobs(status=status, key_id=key_id, channel_id=channel, model=model)
    return await job_pages.page(connection, wanted, before=before, limit=limit, parts=True)


async def replace_outputs(connection: AsyncConnection, job: Job) -> bool:
    """Writes where a finished job's results lie now (a copy of ours, another format); its outcome stays as it is."""
    row = changed_row(job)
    names = ("outputs", "expires_at", "late_at")
    changed = await connection.execute(_OUTPUTS, {"which": job.id} | {name: row[name] for name in names})
    return changed.rowcount == 1


async def delete_one(connection: AsyncConnection, job_id: str, key_id: str) -> bool:
    """Removes a key's finished job with its tries and parts; False when it is not there or not finished."""
    return (await connection.execute(_DELETE, {"which": job_id, "of_key": key_id})).rowcount == 1


async def open_count(connection: AsyncConnection, *, key_id: str | None = None, channel_id: str | None = None) -> int:
    """How many jobs are open, of all or of one key or channel; parts count, the jobs made of parts too."""
    query = select(func.count()).select_from(jobs).where(open_jobs)
    if key_id is not None:
        query = query.where(jobs.c.key_id == key_id)
    if channel_id is not None:
        query = query.where(jobs.c.channel_id == channel_id)
    return int((await connection.execute(query)).scalar_one())


async def _one(connection: AsyncConnection, query: Select[tuple[object, ...]], **values: object) -> Job | None:
    row = (await connection.execute(query, values)).mappings().first()
    return None if row is None else job_of(row)


async def _all(connection: AsyncConnection, query: Select[tuple[object, ...]], **values: object) -> list[Job]:
    return [job_of(row) for row in (await connection.execute(query, values)).mappings()]

"""Forgets ended jobs, and says which files of ours were theirs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, Text, bindparam, delete, exists, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import final_jobs, jobs, replays
from app.store.types import Moment
from app.store.variants import assets_of

_BEFORE = bindparam("before", type_=Moment)
_IDS = bindparam("ids", type_=Text, expanding=True)
_part = jobs.alias("part")
_unfinished_part = exists().where(_part.c.parent_id == jobs.c.id, or_(_part.c.completed_at.is_(None), _part.c.late_due >= _BEFORE))
_DUE = (
    select(jobs.c.id, jobs.c.outputs, jobs.c.inputs)
    .where(
        final_jobs,
        jobs.c.parent_id.is_(None),
        jobs.c.created_at < _BEFORE,  # follows from the next line, and there is an index for it
        jobs.c.completed_at < _BEFORE,
        or_(jobs.c.late_due.is_(None), jobs.c.late_due < _BEFORE),  # else its vendor will still be asked what became of it
        not_(_unfinished_part),
    )
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_PARTS = select(jobs.c.outputs, jobs.c.inputs).where(jobs.c.parent_id.in_(_IDS))
# those that stand for good; an `Idempotency-Key` stands for its answer to the end of its day
_FORGET_NAMES = delete(replays).where(replays.c.job_id.in_(_IDS), replays.c.expires_at.is_(None)).returning(replays.c.asset)
_DELETE = delete(jobs).where(jobs.c.id.in_(_IDS))
_EXPIRED_NAMES = select(exists().where(replays.c.expires_at <= bindparam("now", type_=Moment)))


@dataclass(frozen=True, slots=True)
class Purged:
    """How many jobs are gone (parts not counted), and the names of the files that nothing refers to any more."""

    jobs: int
    files: tuple[str, ...] = ()


async def purge(connection: AsyncConnection, *, before: datetime, limit: int) -> Purged:
    """Removes at most `limit` jobs that ended before this time, the oldest first, with their parts, tries and names.

    Ledger, accounts, usage and audit log are left alone. Jobs that another process is just removing are passed over.
    """
    due = (await connection.execute(_DUE, {"before": before, "most": limit})).mappings().all()
    ids = [row["id"] for row in due]
    if not ids:
        return Purged(0)
    parts = (await connection.execute(_PARTS, {"ids": ids})).mappings().all()
    answers = (await connection.execute(_FORGET_NAMES, {"ids": ids})).scalars().all()
    made = await assets_of(connection, *ids)
    await connection.execute(_DELETE, {"ids": ids})
    return Purged(len(ids), tuple(dict.fromkeys([*_files((*due, *parts)), *filter(None, answers), *made])))


async def has_expired_names(connection: AsyncConnection, now: datetime) -> bool:
    """Whether there is an `Idempotency-Key` whose day is over."""
    return bool((await connection.execute(_EXPIRED_NAMES, {"now": now})).scalar_one())


def _files(rows: Iterable[RowMapping]) -> Iterator[str]:
    for row in rows:
        yield from (name for output in row["outputs"] or () if (name := output.get("asset")))
        yield from row["inputs"] or ()

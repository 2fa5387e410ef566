"""Whole jobs by any mix of filters, page by page."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest
from sqlalchemy import event

from app.domain.jobs import Failure, Job, JobStatus, fail
from app.domain.requests import Operation
from app.store import jobs
from app.store.database import Database
from app.store.job_pages import WholeJobs, page
from tests.store.samples import NOW, job

pytestmark = pytest.mark.anyio
KEYS, MODELS, CHANNELS = ("key_a", "key_b"), ("film-1", "film-2"), ("channel_1", "channel_2")
OPERATIONS: tuple[Operation, ...] = ("video", "image")
STATUSES = (JobStatus.QUEUED, JobStatus.FAILED)
KINDS = list(itertools.product(KEYS, OPERATIONS, MODELS, CHANNELS, STATUSES))


def one_of_each() -> list[Job]:
    """A job of every mix, each one second younger than the one before."""
    return [_made(number, *kind) for number, kind in enumerate(KINDS, start=1)]


def _made(number: int, key_id: str, op: Operation, model: str, channel_id: str, status: JobStatus) -> Job:
    made = replace(job(number, key_id=key_id, op=op), model=model, channel_id=channel_id)
    return fail(made, Failure("generation_failed", "no"), NOW) if status.final else made


async def store(database: Database, made: Sequence[Job]) -> None:
    async with database.write() as connection:
        for one in made:
            await jobs.insert(connection, one, owner="w1")


async def found(database: Database, wanted: WholeJobs, *, before: str | None = None, limit: int = 100) -> list[str]:
    async with database.read() as connection:
        return [one.id for one in await page(connection, wanted, before=before, limit=limit)]


@pytest.mark.parametrize("named", list(itertools.product((False, True), repeat=5)))
async def test_every_mix_of_filters_finds_what_fits_all_of_them(database: Database, named: Sequence[bool]) -> None:
    made = one_of_each()
    await store(database, made)
    values = ("key_b", "image", "film-2", "channel_2", JobStatus.FAILED)
    names = ("key_id", "op", "model", "channel_id", "status")
    chosen = {name: value for name, value, given in zip(names, values, named, strict=True) if given}
    fitting = [one.id for one in reversed(made) if all(getattr(one, name) == value for name, value in chosen.items())]
    assert await found(database, WholeJobs(**chosen)) == fitting  # type: ignore[arg-type]  # pairs of a filter and its value


async def test_every_mix_finds_the_same_where_many_jobs_fit_each_filter(database: Database) -> None:
    made = [_made(number, *kind) for number, kind in enumerate(KINDS * 13, start=1)]  # 208 of each value
    await store(database, made)
    mixes = list(itertools.product((None, *KEYS), (None, *OPERATIONS), (None, *MODELS), (None, *CHANNELS), (None, *JobStatus)))
    wanted = [WholeJobs(key_id=k, op=o, model=m, channel_id=c, status=s) for k, o, m, c, s in mixes]
    fitting = [[one.id for one in reversed(made) if fits(one, mix)][:5] for mix in wanted]
    assert [await found(database, mix, limit=5) for mix in wanted] == fitting


def fits(one: Job, wanted: WholeJobs) -> bool:
    return all(value is None or getattr(one, name) == value for name, value in asdict(wanted).items())


GONE_BY = {
    "ix_jobs_of_model": WholeJobs(model="film-9"),
    "ix_jobs_of_channel": WholeJobs(channel_id="channel_9"),
    "ix_jobs_of_kind": WholeJobs(op="image"),
    "ix_jobs_not_completed": WholeJobs(status=JobStatus.IN_PROGRESS),
    "ix_jobs_of_key": WholeJobs(key_id="key_a", status=JobStatus.COMPLETED),
    "ix_jobs_by_time": WholeJobs(status=JobStatus.COMPLETED),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("index", GONE_BY)
async def test_a_list_goes_by_the_index_of_its_filter(database: Database, index: str) -> None:
    asked: list[tuple[str, Sequence[object]]] = []
    async with database.read() as connection:

        @event.listens_for(connection.sync_connection, "before_cursor_execute")
        def keep(_c: object, _d: object, sql: str, values: Sequence[object], _x: object, _many: object) -> None:
            asked.append((sql, values))

        await page(connection, GONE_BY[index], limit=9)
        sql, values = asked[-1]
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", tuple(values))).all()
    steps = [row.detail for row in plan]
    assert set(re.findall(r"ix_\w+", " ".join(steps))) == {index}, steps


async def test_parts_of_jobs_are_left_out_unless_asked_for(database: Database) -> None:
    await store(database, [job(1), replace(job(2), parent_id="job_000001")])
    for wanted in (WholeJobs(), WholeJobs(key_id="key_a"), WholeJobs(model="film-1"), WholeJobs(status=JobStatus.QUEUED)):
        assert await found(database, wanted) == ["job_000001"]
    async with database.read() as connection:
        both = await page(connection, WholeJobs(key_id="key_a"), limit=9, parts=True)
    assert [one.id for one in both] == ["job_000002", "job_000001"]


@pytest.mark.parametrize("wanted", [WholeJobs(), WholeJobs(key_id="key_a"), WholeJobs(key_id="key_a", op="video")])
async def test_pages_follow_each_other_without_a_gap_though_jobs_are_of_one_time(database: Database, wanted: WholeJobs) -> None:
    await store(database, [replace(job(number), created_at=NOW) for number in range(1, 8)])
    pages: list[list[str]] = [await found(database, wanted, limit=3)]
    while pages[-1]:
        pages.append(await found(database, wanted, before=pages[-1][-1], limit=3))
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert list(itertools.chain(*pages)) == [f"job_{number:06}" for number in range(7, 0, -1)]


async def test_after_a_job_that_is_gone_there_is_nothing(database: Database) -> None:
    await store(database, [job(1)])
    assert await found(database, WholeJobs(), before="job_000009") == []

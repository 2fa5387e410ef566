"""Ended jobs that are old enough are forgotten whole; everything else stays."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Table, func, insert, select

from app.domain.jobs import Failure, Job, JobStatus, Output, Stage, fail
from app.domain.replays import Replay, StoredAnswer
from app.store import jobs, replays, retention
from app.store.database import Database
from app.store.retention import Purged
from app.store.tables import accounts, attempts, ledger
from app.store.tables import jobs as job_table
from tests.store.samples import NOW, SECOND, attempt, job

pytestmark = pytest.mark.anyio
LONG_AGO = NOW + 1000 * SECOND


def ended(number: int, *, at: datetime | None = None, outputs: tuple[Output, ...] = (), **values: object) -> Job:
    """A job that ended at this time, by default right after it was made."""
    made = job(number)
    done = replace(made, status=JobStatus.COMPLETED, stage=Stage.ENDED, outputs=outputs, completed_at=at or made.created_at)
    return replace(done, **values)  # type: ignore[arg-type]  # the caller names fields of a job


async def insert_all(database: Database, *given: Job) -> None:
    async with database.write() as connection:
        for one in given:
            assert await jobs.insert(connection, one, owner="w1") is not None


async def purge(database: Database, before: datetime = LONG_AGO, limit: int = 100) -> Purged:
    async with database.write() as connection:
        return await retention.purge(connection, before=before, limit=limit)


async def left(database: Database) -> list[str]:
    async with database.read() as connection:
        return sorted((await connection.execute(select(job_table.c.id))).scalars())


async def rows(database: Database, table: Table) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_jobs_that_ended_before_the_time_go_the_oldest_first(database: Database) -> None:
    late = ended(2, at=NOW + 500 * SECOND)
    await insert_all(database, ended(1), late, ended(3), ended(4))
    assert await purge(database, before=NOW + 4 * SECOND, limit=1) == Purged(1)
    assert await left(database) == ["job_000002", "job_000003", "job_000004"]
    assert await purge(database, before=NOW + 4 * SECOND) == Purged(1)
    assert await purge(database, before=NOW + 4 * SECOND) == Purged(0)
    assert await left(database) == ["job_000002", "job_000004"]
    assert await purge(database) == Purged(2)


async def test_a_job_that_is_not_over_stays(database: Database) -> None:
    asked_again = replace(fail(job(2), Failure("deadline_exceeded", "late"), NOW), late_due=LONG_AGO)
    never_asked = replace(fail(job(3), Failure("deadline_exceeded", "late"), NOW), late_due=NOW)
    await insert_all(database, job(1), asked_again, never_asked)
    assert await purge(database) == Purged(1)
    assert await left(database) == ["job_000001", "job_000002"]


async def test_parts_and_tries_go_with_their_job_and_never_before_it(database: Database) -> None:
    whole, open_whole = ended(1), job(4)
    await insert_all(database, whole, ended(2, parent_id=whole.id), ended(3, parent_id=whole.id))
    await insert_all(database, open_whole, ended(5, parent_id=open_whole.id))
    async with database.write() as connection:
        await connection.execute(insert(attempts), [_row(2), _row(5)])
    assert await purge(database) == Purged(1)
    assert await left(database) == ["job_000004", "job_000005"]
    assert await rows(database, attempts) == 1


def _row(number: int) -> dict[str, object]:
    made = attempt(job(number))
    return {column.name: getattr(made, column.name) for column in attempts.columns}


async def test_a_job_with_a_part_that_still_runs_stays(database: Database) -> None:
    whole = ended(1)
    await insert_all(database, whole, ended(2, parent_id=whole.id), replace(job(3), parent_id=whole.id))
    assert await purge(database) == Purged(0)


async def test_every_file_of_the_job_and_its_parts_is_named_once(database: Database) -> None:
    picture = Output(asset="made-1.png", part="job_000002")
    whole = ended(1, outputs=(picture, Output(url="https://cdn.example.com/a.png")), inputs=("order-1.json", "upload-1.png"))
    part = ended(2, outputs=(replace(picture, part=None),), parent_id=whole.id, inputs=("order-2.json",))
    await insert_all(database, whole, part, ended(3))
    purged = await purge(database)
    assert purged.jobs == 2
    assert sorted(purged.files) == ["made-1.png", "order-1.json", "order-2.json", "upload-1.png"]


async def test_the_name_that_stood_for_good_is_free_and_the_one_of_a_day_stays(database: Database) -> None:
    await insert_all(database, ended(1), ended(2))
    task = Replay("key_a", "task:mine", "f", "job_000001", NOW, None)
    day = Replay("key_a", "key:1", "f", "job_000001", NOW, LONG_AGO)
    async with database.write() as connection:
        for one in (task, day):
            assert await replays.insert(connection, one)
            await replays.answer(connection, "key_a", one.name, StoredAnswer(200, {}, asset=f"answer-{one.name[:3]}.bin"))
    assert await purge(database) == Purged(2, ("answer-tas.bin",))
    async with database.read() as connection:
        assert await replays.get(connection, "key_a", "task:mine") is None
        assert await replays.get(connection, "key_a", "key:1") is not None
        assert not await retention.has_expired_names(connection, LONG_AGO - SECOND)
        assert await retention.has_expired_names(connection, LONG_AGO)


async def test_money_stays(database: Database) -> None:
    await insert_all(database, ended(1))
    line = {"id": "line_1", "at": NOW, "key_id": "key_a", "job_id": "job_000001", "kind": "reserve", "micros": -1}
    async with database.write() as connection:
        await connection.execute(insert(ledger), line)
        await connection.execute(insert(accounts), {"key_id": "key_a", "day": "2026-03-01", "reserved": 1, "spent": 2})
    assert await purge(database) == Purged(1)
    assert (await rows(database, ledger), await rows(database, accounts)) == (1, 1)


async def test_of_processes_that_purge_at_once_each_gets_other_jobs(database_url: str) -> None:
    databases = [Database.open(database_url) for _ in range(3)]
    await insert_all(databases[0], *(ended(number, outputs=(Output(asset=f"a-{number}.png"),)) for number in range(60)))

    async def work(mine: Database) -> Sequence[str]:
        files: list[str] = []
        while (purged := await purge(mine, limit=7)).jobs:
            files += purged.files
        return files

    found = [name for files in await asyncio.gather(*map(work, databases)) for name in files]
    assert sorted(found) == sorted(f"a-{number}.png" for number in range(60))
    assert await left(databases[0]) == []
    for database in databases:
        await database.close()

"""Each open job is run by one worker, and by another one soon after that worker is gone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from app.domain.jobs import Failure, Job, Stage, fail
from app.store import jobs, leases, workers
from app.store.database import Database
from app.store.workers import Worker
from tests.store.samples import NOW, SECOND, job

pytestmark = pytest.mark.anyio


async def insert(database: Database, owner: str | None, *numbers: int) -> None:
    """Stores jobs that are leased to this worker."""
    async with database.write() as connection:
        for number in numbers:
            await jobs.insert(connection, job(number), owner=owner)


async def claim(database: Database, worker: str, limit: int = 100, silent: Sequence[str] = ()) -> list[str]:
    """The ids that this worker takes over, to whom others seem silent."""
    async with database.write() as connection:
        taken = await leases.claim(connection, worker=worker, now=NOW, silent=silent, limit=limit)
    return [one.id for one in taken]


def ids(*numbers: int) -> list[str]:
    """The ids of the sample jobs."""
    return [job(number).id for number in numbers]


def worker(name: str, *, pid: int = 10, host: str = "host", age: int = 0) -> Worker:
    """A worker that beat `age` seconds ago."""
    return Worker(name, host, pid, NOW - 100 * SECOND, NOW - age * SECOND)


async def beat(database: Database, *given: Worker) -> None:
    """Registers the workers."""
    async with database.write() as connection:
        for one in given:
            await workers.beat(connection, one)


async def test_jobs_without_an_owner_are_claimed_oldest_first_and_whole(database: Database) -> None:
    await insert(database, None, 1, 2, 3)
    async with database.write() as connection:
        taken = await leases.claim(connection, worker="w1", now=NOW, silent=(), limit=2)
        stored = [await jobs.get(connection, one.id) for one in taken]
        assert [await leases.owner_of(connection, one) for one in ids(1, 2, 3)] == ["w1", "w1", None]
    assert [one.id for one in taken] == ids(1, 2)
    assert list[Job | None](taken) == stored


async def test_a_living_workers_jobs_are_not_taken(database: Database) -> None:
    await beat(database, worker("w1", age=30))
    await insert(database, "w1", 1)
    assert await claim(database, "w2") == []
    assert await claim(database, "w1") == []


async def test_a_silent_workers_jobs_are_taken_over_by_one(database: Database) -> None:
    await beat(database, worker("w1"), worker("w3"))
    await insert(database, "w1", 1)
    await insert(database, "w3", 2)
    assert await claim(database, "w2", silent=["w3", "w2"]) == ids(2)
    await beat(database, worker("w2"))
    assert await claim(database, "w4", silent=["w3"]) == []


async def test_a_job_that_is_held_back_belongs_to_nobody(database: Database) -> None:
    async with database.write() as connection:
        await jobs.insert(connection, replace(job(1), stage=Stage.HELD), owner=None)
    assert await claim(database, "w1") == []


async def test_jobs_of_an_unregistered_worker_are_taken_over(database: Database) -> None:
    await insert(database, "gone", 1)
    assert await claim(database, "w2") == ids(1)


async def test_ended_jobs_are_never_claimed(database: Database) -> None:
    await insert(database, None, 1)
    async with database.write() as connection:
        await jobs.record(connection, fail(job(1), Failure("x", "x"), NOW))
    assert await claim(database, "w1") == []


async def test_a_released_job_is_free_at_once(database: Database) -> None:
    await beat(database, worker("w1"))
    await insert(database, "w1", 1, 2)
    await insert(database, "w3", 3)
    async with database.write() as connection:
        await jobs.record(connection, fail(job(2), Failure("x", "x"), NOW))
        assert await leases.release(connection, "w1") == 1
    await beat(database, worker("w3"))
    assert await claim(database, "w2") == ids(1)


async def test_two_workers_that_claim_at_once_never_get_the_same_job(database_url: str) -> None:
    databases = {"w1": Database.open(database_url), "w2": Database.open(database_url)}
    await insert(databases["w1"], None, *range(120))
    await beat(databases["w1"], worker("w1"), worker("w2"))

    async def claim_all(name: str) -> list[str]:
        taken: list[str] = []
        while some := await claim(databases[name], name, limit=4):
            assert len(some) <= 4
            taken += some
        return taken

    first, second = await asyncio.gather(claim_all("w1"), claim_all("w2"))
    # A claim that finds every free row locked by the other comes back empty; what is left then is free still.
    rest = await claim(databases["w1"], "w1")
    assert sorted(first + second + rest) == ids(*range(120))
    for database in databases.values():
        await database.close()


async def test_a_restart_takes_over_from_dead_processes_of_its_host_at_once(database: Database) -> None:
    me = worker("me", pid=10)
    same_id, dead, living, far = (
        worker("same-id", pid=10),
        worker("dead", pid=11),
        worker("living", pid=12),
        worker("far", pid=11, host="other"),
    )
    await beat(database, me, same_id, dead, living, far)
    for number, name in enumerate(("me", "same-id", "dead", "living", "far")):
        await insert(database, name, number)
    async with database.write() as connection:
        gone = await workers.forget_dead(connection, me, lambda pid: pid in (10, 12))
        assert set(gone) == {"same-id", "dead"}
        assert {one.id for one in await workers.every(connection)} == {"me", "living", "far"}
    assert await claim(database, "me") == ids(1, 2)


async def test_a_worker_is_registered_once_and_beats(database: Database) -> None:
    await beat(database, worker("w1", age=9), worker("w1", age=3))
    async with database.write() as connection:
        assert await workers.every(connection) == (worker("w1", age=3),)
        await workers.forget(connection, "w1")
        assert await workers.every(connection) == ()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_claim_reads_only_the_index_of_open_jobs(database: Database) -> None:
    statement = leases._CLAIM.compile(dialect=sqlite.dialect(paramstyle="named"))
    async with database.write() as connection:
        written = str(statement).replace("(__[POSTCOMPILE_silent])", "('w8', 'w9')")
        plan = await connection.execute(text(f"EXPLAIN QUERY PLAN {written}"), dict.fromkeys(statement.params, 1))
        steps = [row.detail for row in plan]
    assert any("ix_jobs_open" in step for step in steps), steps
    assert not any(step.startswith("SCAN jobs") and "ix_jobs_open" not in step for step in steps), steps

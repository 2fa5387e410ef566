"""News of a job: told in this process, found in the database when another one wrote it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy.exc import OperationalError

from app.domain.errors import NotFound
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, advance, fail
from app.engine.gateway import Gateway
from app.engine.watching import FIRST_LOOK, Watching, changes
from app.store import jobs as job_store
from app.store.database import Database
from app.store.sqlite_threads import Found, Work
from app.store.standings import standing
from tests.databases import database, database_url
from tests.listening import heeded
from tests.store.samples import NOW, SECOND, job

pytestmark = pytest.mark.anyio

__all__ = ["database", "database_url"]  # fixtures

JOB = job(1)
SOON = 0.01  # seconds between looks, where a test waits for one
DONE = Snapshot(JobStatus.COMPLETED, outputs=(Output(url="https://cdn.example.com/x.mp4"),))


def at(progress: int, one: Job = JOB) -> Job:
    """The job, as far as that."""
    return advance(one, Snapshot(JobStatus.IN_PROGRESS, progress=progress), NOW + progress * SECOND)


async def stored(database: Database, one: Job = JOB) -> None:
    """Adds the job."""
    async with database.write() as connection:
        await job_store.insert(connection, one, owner="worker_1")


async def written(database: Database, one: Job) -> None:
    """Writes the job as another process would: nobody here is told."""
    async with database.write() as connection:
        assert await job_store.record(connection, one)


async def following(states: AsyncGenerator[Job, None], watching: Watching) -> "asyncio.Task[Job]":
    """The next change, asked for; it is listened for when this returns."""
    following = asyncio.ensure_future(anext(states))
    await heeded(watching, JOB.id)
    return following


async def test_every_change_here_is_heard_in_order_and_only_once(database: Database) -> None:
    await stored(database)
    watching = Watching()
    done = advance(at(40), DONE, NOW)
    async with aclosing(changes(database, watching, JOB)) as states:
        upcoming = await following(states, watching)
        for one in (at(20), at(20), replace(at(20), facts={"path": "/x"}), at(40), at(20), done):
            watching.tell(one)
        heard = [await upcoming, *[state async for state in states]]
    assert [(one.status, one.progress) for one in heard] == [("in_progress", 20), ("in_progress", 40), ("completed", 100)]
    assert not watching.heeded(JOB.id)


async def test_what_another_process_wrote_is_found(database: Database) -> None:
    await stored(database)
    watching = Watching()
    async with aclosing(changes(database, watching, JOB, SOON)) as states:
        upcoming = await following(states, watching)
        await written(database, at(20))
        assert (await upcoming).progress == 20
        await written(database, fail(at(20), Failure("generation_failed", "No."), NOW))
        assert [one.status async for one in states] == [JobStatus.FAILED]


async def test_a_job_that_has_ended_brings_no_news(database: Database) -> None:
    assert [one async for one in changes(database, Watching(), advance(JOB, DONE, NOW))] == []


async def test_a_deleted_job_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound) as missing:
        await anext(changes(database, Watching(), JOB, SOON))
    assert missing.value.code == "task_not_exist"


async def test_a_listener_that_leaves_is_forgotten(database: Database) -> None:
    watching = Watching()
    async with aclosing(changes(database, watching, JOB)) as states:
        upcoming = await following(states, watching)
        upcoming.cancel()
        await asyncio.wait({upcoming})
    assert not watching.heeded(JOB.id)


async def test_a_process_that_goes_away_ends_who_listens_and_not_who_has_work_here(database: Database) -> None:
    await stored(database)
    watching = Watching()
    working = asyncio.create_task(watching.changed(JOB.id, patience=10))
    listening = asyncio.ensure_future(anext(changes(database, watching, JOB), None))
    await heeded(watching, JOB.id)
    await asyncio.sleep(0)  # both have begun to wait
    watching.leave()
    assert await asyncio.wait_for(listening, 5) is None
    assert [one async for one in changes(database, watching, JOB)] == []
    watching.tell(at(20))
    assert await working == at(20)


async def test_a_private_job_is_heard_as_it_is_stored(database: Database) -> None:
    private = replace(JOB, private=True)
    watching = Watching()
    async with aclosing(changes(database, watching, private)) as states:
        upcoming = await following(states, watching)
        watching.tell(at(20, private))
        assert (await upcoming).asked.prompt == ""


async def test_a_database_that_is_away_only_delays_the_news() -> None:
    class Away(Database):
        looks = 0

        def __init__(self) -> None:
            pass

        async def ask(self, work: Work[Found]) -> Found:
            self.looks += 1
            raise OperationalError("SELECT", {}, OSError("away"))

    away, watching = Away(), Watching()
    async with aclosing(changes(away, watching, JOB, SOON)) as states:
        upcoming = await following(states, watching)
        while away.looks < 2:  # noqa: ASYNC110 - the database rings no bell
            await asyncio.sleep(0)
        watching.tell(at(20))
        assert (await upcoming).progress == 20


async def test_how_far_a_job_is_takes_two_columns(database: Database) -> None:
    await stored(database)
    await written(database, at(20))
    async with database.read() as connection:
        assert await standing(connection, JOB.id) == (JobStatus.IN_PROGRESS, 20)
        assert await standing(connection, "job_none") is None


def test_the_first_look_comes_after_a_second() -> None:
    assert FIRST_LOOK == 1.0


async def test_of_two_changes_at_once_the_second_one_ends_the_waiting() -> None:
    watching, looked, read = Watching(), list[str](), asyncio.Event()

    async def stored_job(job_id: str, key_id: str | None) -> Job:
        looked.append(job_id)
        read.set()
        return JOB

    waiting = asyncio.create_task(Gateway.ended(cast(Gateway, SimpleNamespace(watching=watching, job=stored_job)), JOB, 60.0))
    await read.wait()
    done = replace(JOB, status=JobStatus.COMPLETED)
    watching.tell(replace(JOB, status=JobStatus.IN_PROGRESS))
    watching.tell(done)
    assert await waiting is done
    assert looked == [JOB.id]  # once, for what happened before anybody listened

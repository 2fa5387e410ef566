"""The numbers for monitoring, on both databases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from app.domain.jobs import Job, JobStatus, Stage
from app.domain.webhooks import Webhook
from app.store import figures, jobs, ledger, webhooks, workers
from app.store.database import Database
from app.store.figures import Backlog
from tests.store import samples
from tests.store.samples import NOW, SECOND

pytestmark = pytest.mark.anyio


def job(number: int, stage: Stage = Stage.WAITING, channel: str = "ch_1", **values: Any) -> Job:
    return replace(samples.job(number), stage=stage, channel_id=channel, **values)


async def stored(database: Database, *found: Job) -> None:
    async with database.write() as connection:
        for one in found:
            await jobs.insert(connection, one, owner=None)


async def test_open_jobs_are_counted_by_channel_and_stage(database: Database) -> None:
    ended = job(4, Stage.ENDED, status=JobStatus.COMPLETED, completed_at=NOW)
    await stored(database, job(1), job(2, Stage.ACCEPTED), job(3, Stage.ACCEPTED), ended, job(5, Stage.HELD, "ch_2"))
    async with database.read() as connection:
        assert await figures.open_by_stage(connection) == {
            ("ch_1", Stage.WAITING): 1,
            ("ch_1", Stage.ACCEPTED): 2,
            ("ch_2", Stage.HELD): 1,
        }


async def test_the_oldest_held_job_is_found_among_those_that_are_open(database: Database) -> None:
    await stored(database, job(1), job(3, Stage.HELD), job(2, Stage.HELD), job(0, Stage.HELD, "ch_2"))
    async with database.read() as connection:
        assert await figures.oldest_held(connection, ["ch_1"]) == NOW + 2 * SECOND
        assert await figures.oldest_held(connection, ["ch_1", "ch_2"]) == NOW
        assert await figures.oldest_held(connection, ["ch_3"]) is None
        assert await figures.oldest_held(connection, []) is None


async def test_money_is_summed_over_keys_and_days(database: Database) -> None:
    async with database.read() as connection:
        assert await figures.money(connection) == (0, 0)
    first, second = job(1, reserved=700), replace(job(2, reserved=50), key_id="key_b", created_at=NOW + timedelta(days=2))
    async with database.write() as connection:
        for one in (first, second):
            await ledger.reserve(connection, one, NOW)
        await ledger.settle(connection, first, 400, NOW)
    async with database.read() as connection:
        assert await figures.money(connection) == (50, 400)


async def test_what_waits_says_how_much_it_is_and_since_when(database: Database) -> None:
    async with database.read() as connection:
        assert await figures.outbox(connection) == await figures.copies(connection) == Backlog(0, None)
    ended: dict[str, Any] = {"status": JobStatus.COMPLETED, "completed_at": NOW}
    await stored(database, job(1, Stage.ENDED, copy_due=NOW + SECOND, **ended), job(2, Stage.ENDED, copy_due=NOW, **ended))
    await stored(database, job(3, Stage.ENDED, status=JobStatus.FAILED, completed_at=NOW, late_due=NOW))
    waiting = Webhook(id="evt_1", key_id="key_a", job_id="job_1", url="https://a.example.com", type="x", created_at=NOW, due=NOW)
    async with database.write() as connection:
        await webhooks.insert(connection, waiting)
        await webhooks.insert(connection, replace(waiting, id="evt_2", due=None, ended_at=NOW))
    async with database.read() as connection:
        assert await figures.copies(connection) == Backlog(2, NOW)
        assert await figures.outbox(connection) == Backlog(1, NOW)
        assert await figures.late(connection) == 1


async def test_only_processes_with_a_fresh_heartbeat_count(database: Database) -> None:
    async with database.write() as connection:
        for number, beat in enumerate((NOW, NOW - 60 * SECOND)):
            await workers.beat(connection, workers.Worker(f"worker_{number}", "host", number, NOW, beat))
    async with database.read() as connection:
        assert await figures.processes(connection, NOW - 20 * SECOND) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_figure_reads_every_job(database: Database) -> None:
    names = ("_BY_STAGE", "_OLDEST_HELD", "_OUTBOX", "_COPIES", "_LATE")
    for name in names:
        statement = getattr(figures, name).params({"channels": ["ch_1"]} if name == "_OLDEST_HELD" else {})
        query = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        async with database.read() as connection:
            plan = [row.detail for row in await connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
        assert all(" USING " in step for step in plan if step.startswith(("SCAN", "SEARCH"))), (name, plan)

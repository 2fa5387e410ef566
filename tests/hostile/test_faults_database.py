"""The database goes away, is busy or ends connections while jobs are created and polled: nothing is lost, doubled or stuck."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import GatewayError
from app.domain.jobs import Job, JobStatus
from app.engine.gateway import Gateway
from tests.databases import KINDS, fresh_database
from tests.domain.builders import video
from tests.gateways import ended, stored, wish
from tests.hostile.doorway import Doorway, doorway, held_lock, storm
from tests.hostile.faulty import FaultyVendor, Trouble, gateway_to, http, says, vendors

pytestmark = pytest.mark.anyio

RUNNING = says(http(200, {"id": "video", "object": "video", "status": "in_progress", "progress": 50}))


async def created(gateway: Gateway, prompts: Sequence[str]) -> list[Job]:
    """Those of these creates that were answered with a job; the others were answered with an error."""
    answers = await asyncio.gather(*(gateway.create(wish(video(prompt=prompt))) for prompt in prompts), return_exceptions=True)
    assert all(isinstance(answer, Job | GatewayError | SQLAlchemyError | OSError) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Job)]


async def all_ended(gateway: Gateway) -> dict[str, Job]:
    """Prompt -> job, once all have ended."""
    for job in await stored(gateway):
        await ended(gateway, job.id)
    return {str(job.asked.prompt): job for job in await stored(gateway)}


def check(vendor: FaultyVendor, told: Sequence[Job], jobs: dict[str, Job]) -> None:
    """Nothing twice; who was told of a job has it; what the vendor accepted is completed, or flagged."""
    assert [prompt for prompt, count in Counter(vendor.creates).items() if count > 1] == []
    for job in told:
        assert jobs[str(job.asked.prompt)].status is JobStatus.COMPLETED
    for prompt in vendor.accepted:
        job = jobs[prompt]
        assert job.status is JobStatus.COMPLETED or (job.failure and job.failure.code == "upstream_outcome_unknown")
    assert {prompt for prompt, job in jobs.items() if job.status is JobStatus.COMPLETED} <= set(vendor.accepted)


@asynccontextmanager
async def through_a_door(folder: Path, url: str) -> AsyncIterator[tuple[Doorway, FaultyVendor, Gateway]]:
    """A gateway whose PostgreSQL lies behind a door."""
    async with (
        doorway(url) as (door, through),
        vendors() as ((vendor, only),),
        gateway_to(folder, only, database_url=through) as gateway,
    ):
        yield door, vendor, gateway


@asynccontextmanager
async def trouble(kind: str, url: str, folder: Path) -> AsyncIterator[None]:
    """SQLite: another program writes for a second. PostgreSQL: for a second it ends every connection that it sees."""
    if kind == "postgresql":
        async with storm(url, 1.0):
            yield
        return
    with held_lock(folder / "filmgate.db", 1.0):
        yield


@pytest.mark.parametrize("kind", KINDS)
async def test_sqlite_busy_and_postgres_failover_during_poll(kind: str, tmp_path: Path) -> None:
    with fresh_database(kind, tmp_path) as url:
        async with vendors() as ((vendor, only),), gateway_to(tmp_path, only, database_url=url) as gateway:
            vendor.on_poll.extend([RUNNING] * 10)
            before = await created(gateway, [f"early {number}" for number in range(10)])
            async with trouble(kind, url, tmp_path):
                for job in before:
                    gateway.poller.hurry(job.id)
                told = await created(gateway, [f"late {number}" for number in range(10)])
            jobs = await all_ended(gateway)
    assert len(before) == 10
    assert kind == "postgresql" or len(told) == 10  # a busy SQLite makes everybody wait, and nobody fail
    check(vendor, [*before, *told], jobs)


async def test_a_postgresql_that_restarts_is_waited_for(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as url:
        async with through_a_door(tmp_path, url) as (door, vendor, gateway):
            vendor.on_poll.extend([RUNNING] * 10)
            before = await created(gateway, [f"early {number}" for number in range(10)])
            answering = asyncio.create_task(created(gateway, [f"during {number}" for number in range(10)]))
            while len(vendor.creates) < 13:  # noqa: ASYNC110 - the vendor counts, it does not ring
                await asyncio.sleep(0)
            await door.shut()
            for job in before:
                gateway.poller.hurry(job.id)
            assert await created(gateway, ["nobody writes this down"]) == []
            await asyncio.sleep(0.3)
            await door.open()
            told = await answering
            told += await created(gateway, ["afterwards"])
            jobs = await all_ended(gateway)
    assert len(before) == 10
    assert told[-1].asked.prompt == "afterwards"
    assert "nobody writes this down" not in {*jobs, *vendor.creates}
    check(vendor, [*before, *told], jobs)


def losing(door: Doorway) -> Trouble:
    """A good answer to a create, before which the door begins to lose commits."""

    async def accept(writer: asyncio.StreamWriter) -> None:
        door.lost_commits = 1
        writer.write(http(200, {"id": "video_0", "object": "video", "status": "queued", "progress": 0}))

    return accept


@pytest.mark.parametrize("number", [1, 2])
async def test_a_commit_whose_answer_is_lost_leaves_no_job_open_and_makes_none_twice(tmp_path: Path, number: int) -> None:
    """The first commit of a create is the intent, the second the acceptance."""
    with fresh_database("postgresql", tmp_path) as url:
        async with through_a_door(tmp_path, url) as (door, vendor, gateway):
            if number == 2:
                vendor.on_create.append(losing(door))
            else:
                door.lost_commits = 1
            told = await created(gateway, ["boat"])
            jobs = await all_ended(gateway)
            assert door.lost_commits == 0
    assert len(told) == number - 1
    assert vendor.creates == ["boat"][: number - 1]
    assert [job.status for job in jobs.values()] == [JobStatus.COMPLETED if told else JobStatus.FAILED]

"""The machine's clock jumps by hours while jobs are under way: no job is forgotten, and none ends before its time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.jobs import JobStatus
from app.engine.gateway import Gateway
from tests.domain.builders import video
from tests.gateways import ended, stored, wish
from tests.hostile.faulty import gateway_to, http, says, vendors

pytestmark = pytest.mark.anyio

RUNNING = says(http(200, {"id": "video_0", "object": "video", "status": "in_progress", "progress": 50}))
JUMPS = {
    "hours back": [-6],
    "hours ahead": [+6],
    "back and ahead": [-6, +6],
    "ahead and back": [+6, -6],
    "to and fro": [-3, +9, -12, +6],
    "days back": [-24 * 40],
}


class Clock:
    """The machine's clock, running, and set anew now and then."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


async def polled(gateway: Gateway, job_id: str) -> None:
    """One more question about a job, and its answer written."""
    gateway.poller.hurry(job_id)
    await gateway.watching.changed(job_id, 0.1)


@pytest.mark.parametrize("jumps", JUMPS.values(), ids=list(JUMPS))
async def test_jobs_outlive_every_jump_of_the_clock(tmp_path: Path, jumps: list[int]) -> None:
    clock = Clock()
    async with vendors() as ((vendor, only),), gateway_to(tmp_path, only, now=clock) as gateway:
        vendor.on_poll.extend([RUNNING] * 3 * len(jumps))
        before = await gateway.create(wish(video(prompt="before")))
        for hours in jumps:
            clock.offset += timedelta(hours=hours)
            await polled(gateway, before.id)
            await gateway.leases.beat()  # the process itself must not look dead, or long gone
            assert not (await gateway.job(before.id, None)).status.final
            assert gateway.poller.open_jobs() >= 1
        during = await gateway.create(wish(video(prompt="during")))
        vendor.on_poll.clear()
        assert {(await ended(gateway, job.id)).status for job in (before, during)} == {JobStatus.COMPLETED}
    assert vendor.creates == ["before", "during"]


async def test_a_create_that_is_out_while_the_clock_jumps_is_accepted_as_ever(tmp_path: Path) -> None:
    clock, arrived, go = Clock(), asyncio.Event(), asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await go.wait()
        writer.write(http(200, {"id": "video_0", "object": "video", "status": "queued", "progress": 0}))

    # the usual patience: the create is out as long as the test needs it
    async with vendors() as ((vendor, only),), gateway_to(tmp_path, only, now=clock, upstream=None) as gateway:
        vendor.on_create.append(slow)
        creating = asyncio.create_task(gateway.create(wish(video())))
        await arrived.wait()
        clock.offset += timedelta(hours=7)
        await gateway.leases.beat()
        clock.offset -= timedelta(hours=9)
        await gateway.leases.beat()
        go.set()
        job = await creating
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED
        assert len(await stored(gateway)) == 1
    assert len(vendor.creates) == 1


async def test_a_clock_that_is_set_back_teaches_no_pace_below_nothing(tmp_path: Path) -> None:
    clock = Clock()
    async with vendors() as ((_, only),), gateway_to(tmp_path, only, now=clock) as gateway:
        job = await gateway.create(wish(video()))
        clock.offset -= timedelta(hours=6)
        await ended(gateway, job.id)
        assert gateway.paces.of(job) >= 0.0

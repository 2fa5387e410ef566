"""A process is dead when its heartbeat stands still, whatever any clock says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.jobs import JobStatus, Stage
from app.engine.heartbeats import SILENT, Heartbeats
from app.store import tables, workers
from app.store.workers import Worker
from tests.databases import database_url
from tests.domain.builders import video
from tests.engine.test_money import ACCEPTED, vendor_that
from tests.gateways import answer, ended, gateway_on, wish

__all__ = ["database_url"]

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAR = Worker("far", "another machine", 1, NOON, NOON)


class Stopwatch:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_stands_still_is_silent_and_who_beats_again_is_not() -> None:
    watch = Stopwatch()
    seen = Heartbeats(watch)
    assert seen.silent([FAR]) == []
    watch.now = SILENT - 0.1
    assert seen.silent([FAR]) == []
    watch.now = SILENT
    assert seen.silent([FAR]) == ["far"]
    assert seen.silent([replace(FAR, beat_at=NOON + timedelta(seconds=5))]) == []


@pytest.mark.parametrize("hours", [-48, 48])
def test_clocks_of_other_machines_may_say_what_they_like(hours: int) -> None:
    watch = Stopwatch()
    seen = Heartbeats(watch)
    for step in range(100):
        watch.now += 5
        assert seen.silent([replace(FAR, beat_at=NOON + timedelta(hours=hours, seconds=5 * step))]) == []


@pytest.mark.anyio
async def test_a_survivor_takes_over_from_a_machine_that_fell_silent_and_not_before(tmp_path: Path, database_url: str) -> None:
    watch, script = Stopwatch(), vendor_that(answer(ACCEPTED))
    async with gateway_on(tmp_path, script, database_url=database_url, seconds=watch) as (gateway, _):
        job = await gateway.create(wish(video()))
        async with gateway.database.write() as connection:
            await workers.beat(connection, FAR)
            await connection.execute(tables.jobs.update().values(lease_owner="far"))
        gateway.poller.forget(job.id)
        await gateway.leases.beat()
        watch.now += SILENT - 1
        await gateway.leases.beat()
        assert gateway.poller.open_jobs() == 0
        watch.now += 1
        await gateway.leases.beat()
        assert gateway.poller.open_jobs() == 1
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED


@pytest.mark.anyio
async def test_a_clock_that_jumps_takes_no_job_from_a_living_process(tmp_path: Path, database_url: str) -> None:
    clock = [NOON]
    script = vendor_that(answer(ACCEPTED))
    options: dict[str, Any] = {"database_url": database_url, "now": lambda: clock[0]}
    async with gateway_on(tmp_path, script, **options) as (one, _), gateway_on(tmp_path, script, **options) as (two, _):
        job = await one.create(wish(video()))
        async with one.database.write() as connection:  # else both are one process, and one of them is long dead
            await workers.beat(connection, replace(FAR, id=one.recorder.worker))
        for jump in (timedelta(hours=5), timedelta(hours=-9)):
            clock[0] += jump
            await two.leases.beat()
            assert two.poller.open_jobs() == 0
        assert (await one.job(job.id, None)).stage in (Stage.ACCEPTED, Stage.ENDED)

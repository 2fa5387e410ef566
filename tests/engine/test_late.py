"""What a vendor delivers after the deadline is delivered and paid, once; the job stays as its client was told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.jobs import Failure, JobStatus, Output, Snapshot, deliver_late, expire, fail
from app.engine.gateway import Gateway
from tests.databases import database_url
from tests.domain.builders import video
from tests.engine.test_money import ACCEPTED, DONE, FAILED, PER_JOB, account, lines
from tests.gateways import CHANNEL, KEY, Answer, Vendor, answer, ended, gateway_on, stored, wish

__all__ = ["database_url"]
pytestmark = pytest.mark.anyio

RUNNING = {"id": "up-1", "status": "in_progress"}
PRICED = replace(CHANNEL, prices=PER_JOB)


class Site:
    """A vendor that answers what the test says, and a clock."""

    def __init__(self) -> None:
        self.status: Any = RUNNING
        self.moment = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self, request: httpx.Request) -> Answer:
        if request.method == "POST":
            return answer(ACCEPTED)
        return self.status if isinstance(self.status, httpx.Response) else answer(self.status)

    def now(self) -> datetime:
        return self.moment

    async def expired(self, gateway: Gateway, **limits: Any) -> str:
        """A job that has run into its deadline."""
        job = await gateway.create(wish(video(), key=replace(KEY, **limits)))
        self.moment += timedelta(hours=25)
        job = await ended(gateway, job.id)
        assert job.failure is not None
        assert (job.failure.code, job.cost) == ("deadline_exceeded", 0)
        return job.id


async def test_deadline_then_late_success_is_reconciled(tmp_path: Path, database_url: str) -> None:
    site = Site()
    async with gateway_on(tmp_path, site, channels=(PRICED,), now=site.now, database_url=database_url) as (gateway, _):
        job_id = await site.expired(gateway)
        assert await account(gateway) == (0, 0)
        site.status = DONE
        site.moment += timedelta(minutes=6)
        await gateway.late.look()
        job = await gateway.job(job_id, None)
        assert (job.status, job.failure and job.failure.code) == (JobStatus.FAILED, "deadline_exceeded")
        assert (job.cost, job.late_at, job.late_due) == (250_000, site.moment, None)
        assert job.outputs[0].url == DONE["url"]
        assert await lines(gateway, job_id) == [("reserve", -250_000), ("refund", 250_000), ("adjust", -250_000)]
        assert await account(gateway) == (0, 250_000)
        site.moment += timedelta(hours=1)
        await gateway.late.look()
        assert len(await lines(gateway, job_id)) == 3


async def test_a_late_result_never_exceeds_the_budget(tmp_path: Path) -> None:
    site = Site()
    keys = (replace(KEY, budget=250_000),)
    async with gateway_on(tmp_path, site, channels=(PRICED,), keys=keys, now=site.now) as (gateway, _):
        late = await site.expired(gateway, budget=250_000)
        other = await gateway.create(wish(video(), key=replace(KEY, budget=250_000)))
        site.moment -= timedelta(hours=24)
        site.status = DONE
        await ended(gateway, other.id)
        site.moment += timedelta(hours=25)
        await gateway.late.look()
        job = await gateway.job(late, None)
        assert (job.cost, len(job.outputs)) == (0, 1)
        assert await account(gateway) == (0, 250_000)


async def test_two_processes_reconcile_a_late_result_once(tmp_path: Path, database_url: str) -> None:
    site = Site()
    options: dict[str, Any] = {"channels": (PRICED,), "now": site.now, "database_url": database_url}
    async with gateway_on(tmp_path, site, **options) as (one, _), gateway_on(tmp_path, site, **options) as (two, _):
        job_id = await site.expired(one)
        site.status = DONE
        site.moment += timedelta(minutes=6)
        job = await one.job(job_id, None)
        delivered = replace(job, outputs=(), late_at=site.moment, late_due=None)
        assert [await gateway.recorder.deliver_late(delivered) for gateway in (one, two)] == [True, False]


@pytest.mark.parametrize("order", ["late before the others end", "late after all ended"])
async def test_a_late_part_is_paid_once_and_reaches_its_owner(tmp_path: Path, order: str) -> None:
    site = Site()
    async with gateway_on(tmp_path, site, channels=(PRICED,), now=site.now) as (gateway, _):
        parent = await gateway.create(wish(video(n=2)))
        parts = [job for job in await stored(gateway) if job.parent_id]
        delivered = Snapshot(JobStatus.COMPLETED, outputs=(Output(url="https://media.example.com/late.mp4"),))
        await gateway.recorder.record(expire(parts[0], site.moment))
        late = deliver_late(await gateway.job(parts[0].id, None), delivered, site.moment)
        broken = fail(parts[1], Failure("generation_failed", "broken"), site.moment)
        if order == "late before the others end":
            assert await gateway.recorder.deliver_late(late)
            assert [kind for kind, _ in await lines(gateway, parent.id)] == ["reserve"]
            await gateway.recorder.record(broken)
        else:
            await gateway.recorder.record(broken)
            assert await gateway.recorder.deliver_late(late)
        job = await gateway.job(parent.id, None)
        assert (job.cost, len(job.outputs)) == (250_000, 1)
        assert -sum(micros for _, micros in await lines(gateway, parent.id)) == 250_000
        assert await account(gateway) == (0, 250_000)


@pytest.mark.parametrize("status", [FAILED, httpx.Response(404, json={"error": {"message": "gone"}})], ids=["failed", "gone"])
async def test_what_fails_late_is_asked_about_no_more(tmp_path: Path, status: Any) -> None:
    site = Site()
    async with gateway_on(tmp_path, site, channels=(PRICED,), now=site.now) as (gateway, vendor):
        job_id = await site.expired(gateway)
        site.status = status
        await rounds(gateway, site, vendor)
        assert (await gateway.job(job_id, None)).late_due is None
        assert await account(gateway) == (0, 0)


async def test_a_vendor_that_never_ends_is_asked_less_and_less_and_then_no_more(tmp_path: Path) -> None:
    site = Site()
    async with gateway_on(tmp_path, site, channels=(PRICED,), now=site.now) as (gateway, vendor):
        job_id = await site.expired(gateway)
        asked = await rounds(gateway, site, vendor)
        assert (await gateway.job(job_id, None)).late_due is None
    assert 20 < asked < 60


async def rounds(gateway: Gateway, site: Site, vendor: Vendor) -> int:
    """Three days of looking every five minutes; how often the vendor was asked."""
    before = len(vendor.requests)
    for _ in range(3 * 24 * 12):
        site.moment += timedelta(minutes=5)
        await gateway.late.look()
    return len(vendor.requests) - before

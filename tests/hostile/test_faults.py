"""Vendors that go wrong on the socket: a create is never repeated unless it certainly was not accepted, and polling goes on."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain.errors import Fault, UpstreamMaybeSent, UpstreamRefused
from app.domain.jobs import Job, JobStatus
from app.engine.gateway import Gateway
from app.store import attempts as attempt_store
from app.store.tables import ledger
from tests.domain.builders import video
from tests.gateways import ended, stored, wish
from tests.hostile.faulty import (
    BROKEN,
    HTML,
    OVERLOADED,
    UNREADABLE,
    Trouble,
    channel_at,
    gateway_to,
    http,
    resets_after,
    says,
    too_many,
    vendors,
)
from tests.servers import refused_port

pytestmark = pytest.mark.anyio

OPEN_OUTCOME = {**BROKEN, **UNREADABLE}
PRICE = 250_000  # micro-dollars


async def outcomes(gateway: Gateway, job: Job) -> list[str]:
    async with gateway.database.read() as connection:
        return [attempt.outcome for attempt in await attempt_store.of_job(connection, job.id)]


async def charged(gateway: Gateway, job: Job) -> list[tuple[str, int]]:
    async with gateway.database.read() as connection:
        query = select(ledger.c.kind, ledger.c.micros).where(ledger.c.job_id == job.id).order_by(ledger.c.number)
        return [(row.kind, row.micros) for row in await connection.execute(query)]


def code(job: Job) -> str | None:
    return job.failure.code if job.failure else None


@pytest.mark.parametrize("fault", OPEN_OUTCOME)
async def test_a_create_whose_answer_is_lost_is_flagged_and_asked_nowhere_again(tmp_path: Path, fault: str) -> None:
    async with vendors(2) as ((vendor, first), (backup, second)), gateway_to(tmp_path, first, second) as gateway:
        vendor.on_create.append(OPEN_OUTCOME[fault])
        with pytest.raises(UpstreamMaybeSent) as caught:
            await gateway.create(wish(video(prompt="boat")))
        (job,) = await stored(gateway)
        assert await outcomes(gateway, job) == ["unknown"]
        assert sum(micros for _, micros in await charged(gateway, job)) == 0
    assert (caught.value.job_id, job.status, code(job)) == (job.id, JobStatus.FAILED, "upstream_outcome_unknown")
    assert (vendor.creates, backup.creates) == (["boat"], [])


async def test_a_connection_that_is_reset_before_it_is_read_is_not_taken_for_one_that_never_was(tmp_path: Path) -> None:
    async with vendors(2) as ((vendor, first), (backup, second)), gateway_to(tmp_path, first, second) as gateway:
        vendor.at_connect.append(resets_after(b""))
        with pytest.raises(UpstreamMaybeSent):
            await gateway.create(wish(video()))
        (job,) = await stored(gateway)
    assert code(job) == "upstream_outcome_unknown"
    assert (vendor.creates, backup.creates) == ([], [])


async def test_connect_refused_fails_over_once(tmp_path: Path) -> None:
    nobody = channel_at(f"http://127.0.0.1:{refused_port()}", "nobody", priority=9)
    async with vendors(2) as ((vendor, first), (backup, second)), gateway_to(tmp_path, nobody, first, second) as gateway:
        job = await gateway.create(wish(video(prompt="boat")))
        assert await outcomes(gateway, job) == ["not sent", "accepted"]
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED
    assert (vendor.creates, backup.creates) == (["boat"], [])


@pytest.mark.parametrize(
    "refusal",
    [
        too_many(),
        too_many("Retry-After: 7"),
        too_many("Retry-After: 0"),
        too_many("Retry-After: Sat, 21 Nov 2026 12:00:00 GMT"),
        says(http(429, HTML)),
        OVERLOADED,
    ],
    ids=["429", "429 for a while", "429 and at once", "429 until a date", "429 of a proxy", "503"],
)
async def test_429_and_503_fail_over_without_double_charge(tmp_path: Path, refusal: Trouble) -> None:
    async with vendors(2) as ((vendor, first), (backup, second)), gateway_to(tmp_path, first, second) as gateway:
        vendor.always_on_create = refusal
        job = await gateway.create(wish(video(prompt="boat")))
        assert await outcomes(gateway, job) == ["refused", "accepted"]
        done = await ended(gateway, job.id)
        lines = await charged(gateway, job)
    assert (done.status, done.channel_id) == (JobStatus.COMPLETED, second.id)
    assert (vendor.creates, vendor.accepted, backup.creates) == (["boat"], [], ["boat"])
    assert [kind for kind, _ in lines] == ["reserve", "settle"]
    assert sum(micros for _, micros in lines) == -PRICE


async def test_a_storm_of_429_sends_every_job_on_exactly_once(tmp_path: Path) -> None:
    prompts = [f"boat {number}" for number in range(40)]
    async with vendors(2) as ((vendor, first), (backup, second)), gateway_to(tmp_path, first, second) as gateway:
        vendor.always_on_create = too_many("Retry-After: 30")
        jobs = await asyncio.gather(*(gateway.create(wish(video(prompt=prompt))) for prompt in prompts))
        assert {(await ended(gateway, job.id)).status for job in jobs} == {JobStatus.COMPLETED}
    assert sorted(backup.accepted) == sorted(prompts)
    assert len(backup.creates) == len(prompts)
    assert len(vendor.creates) <= len(prompts)


async def test_a_storm_of_429_everywhere_is_told_as_such_and_costs_nothing(tmp_path: Path) -> None:
    async with vendors() as ((vendor, only),), gateway_to(tmp_path, only) as gateway:
        vendor.always_on_create = too_many("Retry-After: 30")
        with pytest.raises(UpstreamRefused) as caught:
            await gateway.create(wish(video()))
        (job,) = await stored(gateway)
        assert sum(micros for _, micros in await charged(gateway, job)) == 0
    assert (caught.value.fault, caught.value.retry_after) == (Fault.RATE, 30)
    assert (job.status, code(job)) == (JobStatus.FAILED, "rate_limit_exceeded")
    assert vendor.accepted == []


@pytest.mark.parametrize("fault", [*OPEN_OUTCOME, "429", "503", "reset at connect"])
async def test_a_poll_that_goes_wrong_costs_a_question_and_never_the_job(tmp_path: Path, fault: str) -> None:
    async with vendors() as ((vendor, only),), gateway_to(tmp_path, only) as gateway:
        job = await gateway.create(wish(video(prompt="boat")))
        if fault == "reset at connect":
            vendor.on_poll.append(resets_after(b""))  # ends the connection that is kept alive, too
            vendor.at_connect.extend([resets_after(b"")] * 3)
        else:
            further = {"429": too_many("Retry-After: 9"), "503": OVERLOADED}
            vendor.on_poll.extend([{**OPEN_OUTCOME, **further}[fault]] * 4)
        done = await ended(gateway, job.id)
    assert (done.status, vendor.creates) == (JobStatus.COMPLETED, ["boat"])
    assert (len(vendor.on_poll), len(vendor.at_connect)) == (0, 0)


@pytest.mark.parametrize("status", [200, 401, 403, 429, 500, 502, 503, 504])
async def test_poll_html_error_page_keeps_job_running(tmp_path: Path, status: int) -> None:
    async with vendors() as ((vendor, only),), gateway_to(tmp_path, only) as gateway:
        vendor.on_poll.extend([says(http(status, HTML))] * 6)
        job = await gateway.create(wish(video()))
        while vendor.on_poll:
            gateway.poller.hurry(job.id)
            await gateway.watching.changed(job.id, 0.02)
            assert not (await gateway.job(job.id, None)).status.final or not vendor.on_poll
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED


async def test_creates_at_a_hung_vendor_hold_up_no_create_and_no_poll_of_another(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with vendors(2) as ((hung, first), (good, second)):
        slow = channel_at(first.base_url, "slow", models={"slow": "m"})
        # the usual patience: the hung vendor is hung for the whole test
        async with gateway_to(tmp_path, slow, second, upstream=None) as gateway:
            hung.always_on_create = hang
            stuck = [asyncio.create_task(gateway.create(wish(video(model="slow", prompt=str(n))))) for n in range(60)]
            while len(hung.creates) < 60:  # noqa: ASYNC110 - the vendor counts, it does not ring
                await asyncio.sleep(0.01)
            async with asyncio.timeout(10):
                jobs = await asyncio.gather(*(gateway.create(wish(video(prompt=f"boat {n}"))) for n in range(20)))
                assert {(await ended(gateway, job.id)).status for job in jobs} == {JobStatus.COMPLETED}
            assert not any(task.done() for task in stuck)
            over.set()
            answers = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(answer) for answer in answers} == {UpstreamMaybeSent}
    assert len(good.accepted) == 20

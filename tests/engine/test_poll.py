"""Polling: nothing transient ends a job, nobody waits for somebody else's vendor, the right credential asks."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.domain.channels import Credential
from app.domain.errors import InvalidRequest
from app.domain.jobs import JobStatus
from app.engine.gateway import Gateway
from app.store import channels as channel_store
from app.store import leases as lease_store
from tests.domain.builders import video
from tests.gateways import CHANNEL, KEY, Answer, Script, another, answer, ended, gateway_on, wish

pytestmark = pytest.mark.anyio

ACCEPTED = {"id": "up-1", "status": "queued"}
DONE = {"id": "up-1", "status": "completed", "url": "https://media.example.com/a.mp4"}


def polls(*answers: Answer, after: object = DONE) -> Script:
    """Accepts, then gives these answers one after the other, then always the last."""
    waiting = list(answers)

    def script(request: httpx.Request) -> Answer:
        if request.method == "POST":
            return answer(ACCEPTED)
        return waiting.pop(0) if waiting else answer(after)

    return script


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(200, content=b"<html>maintenance</html>"),
        httpx.Response(502, content=b"<html>bad gateway</html>"),
        httpx.Response(200, content=b'{"id": "up-1", "status":'),
        answer([1, 2]),
        answer({"id": "up-1", "status": "dreaming"}),
        answer({"id": "up-1"}),
        answer({"error": {"message": "rotated", "code": "invalid_api_key"}}, 401),
        answer({"error": {"message": "slow", "code": "429"}}, 429),
        answer({"error": {"message": "oops"}}, 500),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
)
async def test_transient_poll_errors_never_end_a_job(tmp_path: Path, trouble: Answer) -> None:
    async with gateway_on(tmp_path, polls(trouble, trouble, trouble, trouble)) as (gateway, _):
        job = await gateway.create(wish(video()))
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED


async def test_poll_404_three_times_then_failed(tmp_path: Path) -> None:
    missing = answer({"error": {"message": "unknown", "code": "task_not_exist"}}, 404)
    async with gateway_on(tmp_path, polls(missing, missing, after=DONE)) as (gateway, _):
        job = await gateway.create(wish(video()))
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED
    other = tmp_path / "other"
    async with gateway_on(other, polls(missing, missing, missing)) as (gateway, _):
        job = await gateway.create(wish(video()))
        lost = await ended(gateway, job.id)
    assert lost.failure is not None
    assert lost.failure.code == "upstream_job_lost"


async def test_one_hung_vendor_does_not_delay_others(tmp_path: Path) -> None:
    forever = asyncio.Event()

    async def script(request: httpx.Request) -> Answer:
        if request.method == "POST":
            return answer(ACCEPTED)
        if request.url.host.startswith("hung"):
            await forever.wait()
        return answer(DONE)

    channels = (another("hung", models={"slow": "x"}), another("good", models={"quick": "x"}))
    async with gateway_on(tmp_path, script, channels=channels) as (gateway, _):
        stuck = [await gateway.create(wish(video(model="slow"))) for _ in range(40)]
        for job in stuck:
            gateway.poller.hurry(job.id)
        quick = await gateway.create(wish(video(model="quick")))
        assert (await ended(gateway, quick.id)).status is JobStatus.COMPLETED
        forever.set()


async def test_multi_key_channel_polls_with_creating_key(tmp_path: Path) -> None:
    pair = (Credential("credential_1", {"api_key": "first"}), Credential("credential_2", {"api_key": "second"}))
    async with gateway_on(tmp_path, polls(), channels=(replace(CHANNEL, credentials=pair),)) as (gateway, vendor):
        for _ in range(2):
            job = await gateway.create(wish(video()))
            await ended(gateway, job.id)
    shown = [(request.method, request.headers["authorization"]) for request in vendor.requests]
    assert [who for method, who in shown if method == "POST"] == ["Bearer first", "Bearer second"]
    assert {who for method, who in shown[: len(shown) // 2] if method == "GET"} == {"Bearer first"}
    assert shown[-1] == ("GET", "Bearer second")


async def test_key_rotated_or_channel_deleted_midflight(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, polls()) as (gateway, vendor):
        job = await gateway.create(wish(video()))
        rotated = replace(CHANNEL, credentials=(Credential("credential_1", {"api_key": "rotated"}),))
        async with gateway.database.write() as connection:
            await channel_store.update_one(connection, gateway.vault, rotated)
            await channel_store.delete_one(connection, CHANNEL.id)
        await gateway.configuration.refresh()
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED
    assert vendor.requests[-1].headers["authorization"] == "Bearer rotated"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


async def test_a_job_ends_at_its_deadline_after_one_last_question(tmp_path: Path) -> None:
    clock = Clock()
    async with gateway_on(tmp_path, polls(after={"id": "up-1", "status": "in_progress"}), now=clock) as (gateway, _):
        job = await gateway.create(wish(video()))
        clock.moment += timedelta(hours=25)
        late = await ended(gateway, job.id)
    assert late.failure is not None
    assert late.failure.code == "deadline_exceeded"


async def test_a_result_that_comes_with_the_last_question_counts(tmp_path: Path) -> None:
    clock = Clock()
    async with gateway_on(tmp_path, polls(), now=clock) as (gateway, _):
        job = await gateway.create(wish(video()))
        clock.moment += timedelta(hours=25)
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED


async def test_clock_jump_backward_and_forward(tmp_path: Path) -> None:
    clock = Clock()
    async with gateway_on(tmp_path, polls(answer({"id": "up-1", "status": "in_progress"})), now=clock) as (gateway, _):
        job = await gateway.create(wish(video()))
        clock.moment -= timedelta(days=2)
        gateway.poller.hurry(job.id)
        await gateway.watching.changed(job.id, 1.0)
        clock.moment += timedelta(days=2, minutes=5)
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED


async def until(check: Callable[[], bool]) -> None:
    for _ in range(400):
        if check():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to that")


async def test_a_restart_goes_on_where_the_last_process_stopped(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, polls(after={"id": "up-1", "status": "in_progress"})) as (gateway, _):
        job = await gateway.create(wish(video()))
        assert gateway.poller.open_jobs() == 1
    async with gateway_on(tmp_path, polls()) as (gateway, vendor):
        assert gateway.poller.open_jobs() == 1
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED
    assert vendor.creates() == 0


async def test_two_pollers_one_end(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, polls(after={"id": "up-1", "status": "in_progress"})) as (one, _):
        job = await one.create(wish(video()))
        async with one.database.write() as connection:
            await lease_store.release(connection, one.recorder.worker)
        async with gateway_on(tmp_path, polls()) as (two, _):
            assert (await ended(two, job.id)).status is JobStatus.COMPLETED
            # the first process still believes that the job is its own, and is told better when it writes
            one.poller.hurry(job.id)
            await until(lambda: one.poller.open_jobs() == 0)
        final = await one.job(job.id, KEY.id)
    assert final.status is JobStatus.COMPLETED


async def test_a_job_is_cancelled_only_where_its_vendor_lets_go(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, polls(after={"id": "up-1", "status": "in_progress"})) as (gateway, _):
        job = await gateway.create(wish(video()))
        with pytest.raises(InvalidRequest) as refused:
            await gateway.cancel(job)
        assert (await gateway.job(job.id, KEY.id)).status is not JobStatus.FAILED
    assert refused.value.code == "cannot_cancel"


async def test_cancelling_at_a_vendor_that_can_ends_the_job(tmp_path: Path) -> None:
    def script(request: httpx.Request) -> Answer:
        if request.method == "DELETE":
            return answer({})
        return answer({"id": "cgt-1"}) if request.method == "POST" else answer({"id": "cgt-1", "status": "queued"})

    named = another("ark", adapter="ark", models={"m": "doubao-seedance-1-5-pro-251215"})
    async with gateway_on(tmp_path, script, channels=(named,)) as (gateway, vendor):
        job = await gateway.create(wish(video()))
        cancelled = await gateway.cancel(job)
        with pytest.raises(InvalidRequest) as again:
            await gateway.cancel(cancelled)
        assert gateway.poller.open_jobs() == 0
    assert (cancelled.status, cancelled.failure and cancelled.failure.code) == (JobStatus.FAILED, "cancelled")
    assert again.value.code == "already_finished"
    assert vendor.requests[-1].method == "DELETE"


async def test_a_deleted_job_is_gone(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, polls()) as (gateway, _):
        job = await gateway.create(wish(video()))
        await ended(gateway, job.id)
        await gateway.delete(job.id, KEY.id)
        assert await _exists(gateway, job.id) is False


async def _exists(gateway: Gateway, job_id: str) -> bool:
    page = await gateway.page(KEY.id, "video", limit=10, order="desc", after=None)
    return job_id in [job.id for job in page]


async def test_the_pace_of_a_model_is_learned_and_kept(tmp_path: Path) -> None:
    clock = Clock()
    async with gateway_on(tmp_path, polls(), now=clock) as (gateway, _):
        job = await gateway.create(wish(video()))
        before = gateway.paces.of(job)
        clock.moment += timedelta(seconds=10)
        await ended(gateway, job.id)
        after = gateway.paces.of(job)
    assert abs(after - 10) < abs(before - 10)
    async with gateway_on(tmp_path, polls(), now=clock) as (gateway, _):
        assert gateway.paces.of(job) == after


async def test_hurrying_never_asks_twice_at_once_and_leaves_one_rhythm(tmp_path: Path) -> None:
    asking = most = asked = 0

    async def script(request: httpx.Request) -> Answer:
        nonlocal asking, most, asked
        if request.method == "POST":
            return answer(ACCEPTED)
        asking, asked = asking + 1, asked + 1
        most = max(most, asking)
        await asyncio.sleep(0.005)
        asking -= 1
        return answer({"id": "up-1", "status": "in_progress"})

    async with gateway_on(tmp_path, script) as (gateway, _):
        job = await gateway.create(wish(video()))
        for _ in range(50):
            gateway.poller.hurry(job.id)
        await until(lambda: asked >= 2)
        gateway.poller.hurry(job.id)
        await until(lambda: asked >= 3)
    assert most == 1
    assert asked < 10


async def test_a_deleted_channel_is_forgotten_once_no_job_needs_it(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, polls()) as (gateway, _):
        job = await gateway.create(wish(video()))
        async with gateway.database.write() as connection:
            await channel_store.delete_one(connection, CHANNEL.id)
        for _ in range(12):
            await gateway.leases.beat()
        await gateway.configuration.refresh()
        assert gateway.configuration.channel(CHANNEL.id) is not None
        await ended(gateway, job.id)
        for _ in range(12):
            await gateway.leases.beat()
        await gateway.configuration.refresh()
        assert gateway.configuration.channel(CHANNEL.id) is None


async def test_a_hung_vendor_does_not_hold_up_a_shutdown(tmp_path: Path) -> None:
    forever = asyncio.Event()

    async def script(request: httpx.Request) -> Answer:
        if request.method == "GET":
            await forever.wait()
        return answer(ACCEPTED)

    async with gateway_on(tmp_path, script) as (gateway, vendor):
        job = await gateway.create(wish(video()))
        gateway.poller.hurry(job.id)
        await until(lambda: len(vendor.requests) == 2)
        async with asyncio.timeout(10):
            await gateway.poller.drain()
    async with gateway_on(tmp_path, polls()) as (gateway, _):
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED

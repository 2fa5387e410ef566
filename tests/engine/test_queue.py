"""Limits on running jobs: a client that can wait is queued, in fair order, and everybody else hears when to come again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.channels import Channel, Key
from app.domain.errors import InvalidRequest, TooManyRequests
from app.domain.jobs import Job, JobStatus, Stage
from app.domain.media import Media, MediaType, Role
from app.domain.requests import Mode
from app.engine.gateway import Gateway
from app.store.keys import hash_key
from tests.databases import database_url
from tests.domain.builders import image, video
from tests.gateways import CHANNEL, KEY, Answer, another, answer, ended, gateway_on, stored, wish

__all__ = ["database_url"]
pytestmark = pytest.mark.anyio

NARROW = replace(CHANNEL, max_concurrency=1)
ONE_AT_A_TIME = replace(KEY, max_concurrency=1)
PRICED = {"m": {"unit": "job", "usd": "0.25"}}


class Studio:
    """A vendor whose jobs run until the test finishes them; notes in which order they came and how many ran at once."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.running: dict[str, str] = {}
        self.most = 0
        self.changed = asyncio.Event()

    def __call__(self, request: httpx.Request) -> Answer:
        if request.method == "POST":
            body = request.content.decode("latin-1")
            name = f"up-{len(self.prompts)}"
            self.prompts.append(body)
            self.running[name] = request.url.host
            self.most = max(self.most, len(self.running))
            self.changed.set()
            return answer({"id": name, "status": "queued"})
        name = request.url.path.rpartition("/")[2]
        if name in self.running:
            return answer({"id": name, "status": "in_progress"})
        return answer({"id": name, "status": "completed", "url": "https://media.example.com/a.mp4"})

    def finish(self, *names: str) -> None:
        for name in names or list(self.running):
            self.running.pop(name)

    async def creates(self, number: int) -> None:
        """Waits until so many creates have come."""
        async with asyncio.timeout(10):
            while len(self.prompts) < number:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def site(
    folder: Path, *, channels: tuple[Channel, ...] = (CHANNEL,), keys: tuple[Key, ...] = (KEY,), **more: Any
) -> AsyncIterator[tuple[Gateway, Studio]]:
    studio = Studio()
    async with gateway_on(folder, studio, channels=channels, keys=keys, **more) as (gateway, _):
        yield gateway, studio


def of(gateway: Gateway, key_id: str, **values: Any) -> Any:
    return wish(video(**values), key=gateway.configuration.key_by_id(key_id))


async def accepted(gateway: Gateway) -> Job:
    """The job that is at its vendor, once there is one."""
    for _ in range(400):
        found = [job for job in await stored(gateway) if job.stage is Stage.ACCEPTED and job.channel_id]
        if found:
            return found[0]
        await gateway.watching.changed("nothing", 0.01)
    raise AssertionError("no job was accepted")


async def finished(gateway: Gateway, studio: Studio, job: Job) -> Job:
    studio.finish()
    return await ended(gateway, job.id)


@pytest.mark.parametrize("narrow", ["key", "channel"])
async def test_a_job_without_a_slot_is_queued_and_sent_when_one_is_free(tmp_path: Path, database_url: str, narrow: str) -> None:
    channels, keys = ((NARROW,), (KEY,)) if narrow == "channel" else ((CHANNEL,), (ONE_AT_A_TIME,))
    async with site(tmp_path, channels=channels, keys=keys, database_url=database_url) as (gateway, studio):
        first = await gateway.create(of(gateway, "key_1", prompt="one"))
        second = await gateway.create(of(gateway, "key_1", prompt="two"))
        assert (first.stage, second.stage, second.status) == (Stage.ACCEPTED, Stage.HELD, JobStatus.QUEUED)
        assert len(studio.prompts) == 1
        await finished(gateway, studio, first)
        await studio.creates(2)
        assert "two" in studio.prompts[1]
        done = await finished(gateway, studio, second)
        assert (done.status, done.inputs) == (JobStatus.COMPLETED, ())
    assert studio.most == 1


async def test_a_client_that_waits_for_its_pictures_hears_when_to_come_again(tmp_path: Path) -> None:
    async with site(tmp_path, keys=(ONE_AT_A_TIME,)) as (gateway, studio):
        await gateway.create(of(gateway, "key_1"))
        with pytest.raises(TooManyRequests) as caught:
            await gateway.create(wish(image(), key=gateway.configuration.key_by_id("key_1")))
        assert caught.value.code == "concurrency_limit_exceeded"
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 60
        assert len(await stored(gateway)) == 1
    assert len(studio.prompts) == 1


async def test_a_full_channel_is_passed_over_for_one_with_room(tmp_path: Path) -> None:
    async with site(tmp_path, channels=(NARROW, another("backup", priority=-1))) as (gateway, studio):
        jobs = [await gateway.create(of(gateway, "key_1")) for _ in range(2)]
    assert [job.channel_id for job in jobs] == ["channel_1", "channel_backup"]
    assert list(studio.running.values()) == ["vendor.example.com", "backup.example.com"]


async def test_slots_go_round_among_keys(tmp_path: Path) -> None:
    other = replace(KEY, id="key_2", name="other", hash=hash_key("sk-other"))
    async with site(tmp_path, channels=(NARROW,), keys=(KEY, other)) as (gateway, studio):
        await gateway.create(of(gateway, "key_1", prompt="a0"))
        for name in ("a1", "a2", "a3"):
            await gateway.create(of(gateway, "key_1", prompt=name))
        await gateway.create(of(gateway, "key_2", prompt="b1"))
        for number in range(1, 5):
            await finished(gateway, studio, await accepted(gateway))
            await studio.creates(number + 1)
        order = [prompt.split('"prompt":"')[1][:2] for prompt in studio.prompts]
    assert order == ["a0", "a1", "b1", "a2", "a3"]
    assert studio.most == 1


async def test_a_queued_job_outlives_its_process_and_keeps_its_files(tmp_path: Path) -> None:
    inline = Media(MediaType.IMAGE, Role.FIRST_FRAME, "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==", param="image")
    async with site(tmp_path, keys=(ONE_AT_A_TIME,)) as (gateway, studio):
        first = await gateway.create(of(gateway, "key_1"))
        held = await gateway.create(of(gateway, "key_1", prompt="with a picture", mode=Mode.I2V, media=(inline,)))
        assert held.stage is Stage.HELD
    async with site(tmp_path, keys=(ONE_AT_A_TIME,)) as (gateway, studio):
        await ended(gateway, first.id)
        await studio.creates(1)
        assert "\x89PNG" in studio.prompts[0]
        assert (await finished(gateway, studio, held)).status is JobStatus.COMPLETED
    assert [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


async def test_a_queued_job_is_cancelled_without_asking_anybody(tmp_path: Path) -> None:
    async with site(tmp_path, channels=(replace(NARROW, prices=PRICED),)) as (gateway, studio):
        await gateway.create(of(gateway, "key_1"))
        held = await gateway.create(of(gateway, "key_1"))
        assert held.reserved == 250_000
        cancelled = await gateway.cancel(held)
        assert (cancelled.status, cancelled.failure and cancelled.failure.code) == (JobStatus.FAILED, "cancelled")
        assert cancelled.cost == 0
        with pytest.raises(InvalidRequest, match="already ended"):
            await gateway.cancel(cancelled)
    assert len(studio.prompts) == 1


async def test_a_queued_job_ends_at_its_deadline(tmp_path: Path) -> None:
    clock = [datetime(2026, 11, 21, 12, tzinfo=UTC)]
    async with site(tmp_path, keys=(ONE_AT_A_TIME,), now=lambda: clock[0]) as (gateway, studio):
        await gateway.create(of(gateway, "key_1"))
        held = await gateway.create(of(gateway, "key_1"))
        clock[0] += timedelta(hours=25)
        await gateway.queue.look()
        job = await gateway.job(held.id, None)
        assert (job.status, job.failure and job.failure.code) == (JobStatus.FAILED, "deadline_exceeded")
    assert len(studio.prompts) == 1


async def test_a_queued_job_of_a_revoked_key_is_never_sent(tmp_path: Path) -> None:
    async with site(tmp_path, channels=(NARROW,)) as (gateway, studio):
        first = await gateway.create(of(gateway, "key_1"))
        held = await gateway.create(of(gateway, "key_1"))
        from app.engine.keys import KeyDesk

        await KeyDesk(gateway.database, gateway.vault, gateway.now).delete("key_1")
        await gateway.configuration.refresh()
        await finished(gateway, studio, first)
        assert (await ended(gateway, held.id)).status is JobStatus.FAILED
    assert len(studio.prompts) == 1


async def test_several_results_of_a_waiting_client_share_a_narrow_channel_in_turn(tmp_path: Path) -> None:
    most = [0, 0]

    async def script(request: httpx.Request) -> Answer:
        most[0] += 1
        most[1] = max(most)
        await asyncio.sleep(0)
        most[0] -= 1
        return answer({"created": 1, "data": [{"b64_json": "iVBORw0KGgoAAAAN"}]})

    channel = replace(NARROW, adapter="xai", models={"m": "grok-imagine-image"})
    async with gateway_on(tmp_path, script, channels=(channel,)) as (gateway, vendor):
        size = gateway.plan(wish(image())).choices[0].served.card.capabilities.most_n
        job = await gateway.create_and_wait(wish(image(n=3 * size)))
    assert job.status is JobStatus.COMPLETED
    assert (vendor.creates(), most[1]) == (3, 1)


async def test_parts_of_a_patient_job_wait_their_turn_in_the_queue(tmp_path: Path) -> None:
    async with site(tmp_path, channels=(replace(NARROW, prices=PRICED),)) as (gateway, studio):
        job = await gateway.create(of(gateway, "key_1", n=3))
        assert (job.reserved, studio.most) == (750_000, 1)
        for number in (1, 2, 3):
            await studio.creates(number)
            await finished(gateway, studio, await accepted(gateway))
        done = await ended(gateway, job.id)
        assert (done.status, len(done.outputs), done.cost) == (JobStatus.COMPLETED, 3, 750_000)
    assert studio.most == 1


async def test_two_processes_never_send_a_queued_job_twice(tmp_path: Path, database_url: str) -> None:
    narrow = replace(CHANNEL, max_concurrency=2)
    studio = Studio()
    site_of_two = (gateway_on(tmp_path, studio, channels=(narrow,), database_url=database_url) for _ in range(2))
    async with next(site_of_two) as (one, _), next(site_of_two) as (two, _):
        for task in asyncio.all_tasks():
            if task.get_name() == "leases":  # by its process id each would take the other for dead
                task.cancel()
        jobs = [await gateway.create(of(gateway, "key_1", prompt=f"p{n}")) for n in range(6) for gateway in (one, two)]
        for _ in range(200):
            for gateway in (one, two):
                for job in await stored(gateway):
                    if job.stage is Stage.ACCEPTED:
                        gateway.poller.hurry(job.id)
                await gateway.queue.look()
            studio.finish()
            await one.watching.changed("nothing", 0.02)
            if all(job.status.final for job in await stored(one)):
                break
        assert {job.status for job in await stored(one)} == {JobStatus.COMPLETED}
    assert (len(studio.prompts), len(jobs)) == (12, 12)
    assert studio.most <= 2

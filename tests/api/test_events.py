"""`GET /v1/videos/{id}/events`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.api.events import event_id, job_frames, with_pings
from app.domain.jobs import Failure, JobStatus, Snapshot, advance, fail
from tests.api.conftest import SANDBOX, Site, error_of, site_on
from tests.gateways import CHANNEL, KEY, KEY_TEXT
from tests.listening import forgotten, heeded
from tests.servers import serve
from tests.store.samples import job

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    id: str
    name: str
    data: dict[str, Any]


def event_of(frame: str) -> Event:
    """A frame, read as the specification says."""
    fields = dict(line.split(": ", 1) for line in frame.strip().split("\n"))
    return Event(fields.get("id", ""), fields["event"], orjson.loads(fields["data"]))


@asynccontextmanager
async def opened(url: str, job_id: str, seen: str | None = None) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[Event]]]:
    """A stream of events over a socket."""
    headers = {"authorization": f"Bearer {KEY_TEXT}"} | ({"last-event-id": seen} if seen else {})
    async with (
        httpx.AsyncClient(base_url=url, timeout=10, verify=False) as client,
        client.stream("GET", f"/v1/videos/{job_id}/events", headers=headers) as answer,
    ):
        yield answer, _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[Event]:
    text = ""
    async for chunk in answer.aiter_text():
        text += chunk
        while "\n\n" in text:
            frame, _, text = text.partition("\n\n")
            if not frame.startswith(":"):
                yield event_of(frame)


async def moved(site: Site, job_id: str, status: str, progress: int = 0) -> None:
    """Has the vendor's news of the job heard."""
    site.studio.status, site.studio.progress = status, progress
    site.gateway.poller.hurry(job_id)


async def test_every_change_is_an_event_and_the_last_one_ends_the_stream(site: Site) -> None:
    job = await site.created()
    async with serve(site.app) as url, opened(url, job["id"]) as (answer, events):
        first = await anext(events)
        await moved(site, job["id"], "in_progress", 20)
        second = await anext(events)
        await moved(site, job["id"], "in_progress", 60)
        third = await anext(events)
        await moved(site, job["id"], "completed")
        rest = [event async for event in events]
        shown = (await site.client.get(f"/v1/videos/{job['id']}", headers={"host": url.removeprefix("http://")})).json()
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    seen = [(event.name, event.data["status"], event.data["progress"]) for event in (first, second, third, *rest)]
    assert seen == [
        ("video.progress", "queued", 0),
        ("video.progress", "in_progress", 20),
        ("video.progress", "in_progress", 60),
        ("video.completed", "completed", 100),
    ]
    assert rest[0].data == shown
    assert len({event.id for event in (first, second, third, *rest)}) == 4


@pytest.mark.parametrize(("status", "name"), [("completed", "video.completed"), ("failed", "video.failed")])
async def test_a_job_that_has_ended_is_one_event(site: Site, status: str, name: str) -> None:
    job = await site.finished(status)
    answer = await site.client.get(f"/v1/videos/{job['id']}/events")
    event = event_of(answer.text)
    assert (event.name, event.data["status"]) == (name, status)
    assert set(event.data) == set((await site.client.get(f"/v1/videos/{job['id']}")).json())
    assert event.data.get("request_id", answer.headers["x-request-id"]) == answer.headers["x-request-id"]


async def test_who_has_seen_the_last_event_need_not_come_again(site: Site) -> None:
    job = await site.finished()
    seen = event_of((await site.client.get(f"/v1/videos/{job['id']}/events")).text).id
    again = await site.client.get(f"/v1/videos/{job['id']}/events", headers={"last-event-id": seen})
    assert (again.status_code, again.content) == (204, b"")


@pytest.mark.parametrize("seen", ["", "nonsense", "task_other/completed/100", "{id}/queued/0", "{id}/in_progress/99"])
async def test_the_last_event_is_never_missed(site: Site, seen: str) -> None:
    job = await site.finished()
    headers = {"last-event-id": seen.format(id=job["id"])}
    answer = await site.client.get(f"/v1/videos/{job['id']}/events", headers=headers)
    assert event_of(answer.text).name == "video.completed"


async def test_a_stream_is_taken_up_without_repeating_what_was_seen(site: Site) -> None:
    job = await site.created()
    async with serve(site.app) as url:
        async with opened(url, job["id"]) as (_, events):
            seen = (await anext(events)).id
        async with opened(url, job["id"], seen) as (_, events):
            await moved(site, job["id"], "in_progress", 30)
            assert (await anext(events)).data["progress"] == 30
        await moved(site, job["id"], "completed")
        async with opened(url, job["id"], seen) as (_, events):
            assert [event.name async for event in events][-1] == "video.completed"


async def test_a_stream_of_a_process_that_goes_away_ends_and_is_taken_up_at_another(tmp_path: Path) -> None:
    async with site_on(tmp_path) as here, site_on(tmp_path, channels=(), keys=()) as there:
        job = await here.created()
        async with serve(there.app) as url, opened(url, job["id"]) as (_, events):
            first = await anext(events)
            await heeded(there.gateway.watching, job["id"])
            there.gateway.leave()
            assert [event async for event in events] == []
        async with serve(here.app) as url, opened(url, job["id"], first.id) as (_, events):
            await heeded(here.gateway.watching, job["id"])
            await moved(here, job["id"], "completed")
            assert [event.name async for event in events] == ["video.completed"]


async def test_a_client_that_leaves_is_forgotten(site: Site) -> None:
    job = await site.created()
    async with serve(site.app) as url, opened(url, job["id"]) as (_, events):
        await anext(events)
        await heeded(site.gateway.watching, job["id"])
    await forgotten(site.gateway.watching, job["id"])


async def test_an_answer_that_ends_between_two_events_leaves_no_listener(site: Site) -> None:
    job = await site.gateway.job((await site.created())["id"], KEY.id)
    stream = with_pings(job_frames(site.gateway, job, lambda _: {}, event_id(job)))
    upcoming = asyncio.ensure_future(anext(stream))
    await heeded(site.gateway.watching, job.id)
    site.gateway.watching.tell(advance(job, Snapshot(JobStatus.IN_PROGRESS, progress=5), site.gateway.now()))
    assert b"video.progress" in await upcoming
    await stream.aclose()
    assert not site.gateway.watching.heeded(job.id)


async def test_silence_is_filled_with_comments() -> None:
    released = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes, None]:
        await released.wait()
        yield b"one"

    stream = with_pings(frames(), ping=0.01)
    assert [await anext(stream), await anext(stream)] == [b": ping\n\n"] * 2
    released.set()
    assert [frame async for frame in stream][-1] == b"one"


async def test_a_job_that_another_process_polls_is_followed_to_its_end(tmp_path: Path) -> None:
    async with site_on(tmp_path) as here, site_on(tmp_path, channels=(), keys=()) as there:
        job = await here.created()
        async with serve(there.app) as url, opened(url, job["id"]) as (_, events):
            assert (await anext(events)).data["status"] == "queued"
            stored = await here.gateway.job(job["id"], None)
            await here.gateway.recorder.take(fail(stored, Failure("cancelled", "Enough."), here.gateway.now()))
            assert [event.name async for event in events] == ["video.failed"]


async def test_a_job_that_is_deleted_meanwhile_ends_its_stream_with_an_error(site: Site) -> None:
    job = await site.created()
    async with serve(site.app) as url, opened(url, job["id"]) as (_, events):
        await anext(events)
        async with site.gateway.database.write() as connection:
            await connection.exec_driver_sql("DELETE FROM jobs")
        last = [event async for event in events]
    assert [(event.name, event.data["error"]["code"]) for event in last] == [("error", "task_not_exist")]


async def test_only_the_owner_listens(site: Site) -> None:
    job = await site.finished()
    refused = await site.stranger.get(f"/v1/videos/{job['id']}/events")
    assert refused.status_code == 404
    assert error_of(refused)["code"] == "task_not_exist"


async def test_looking_at_a_job_never_counts_against_a_rate(tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=(CHANNEL, SANDBOX), keys=(replace(KEY, rpm=1),)) as site:
        job = await site.finished()
        for _ in range(5):
            for path in ("/events", "?wait=5"):
                assert (await site.client.get(f"/v1/videos/{job['id']}{path}")).status_code == 200


def test_an_events_id_names_its_job_and_how_far_it_is() -> None:
    one = job(1)
    assert event_id(one) == f"{one.id}/queued/0"

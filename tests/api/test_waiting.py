"""`?wait=30`: the answer comes with the next change, or when the time is over."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from app.api.waiting import waited
from app.domain.jobs import Failure, fail
from tests.api.conftest import IMAGE, VIDEO, Site, client_of, error_of, site_on
from tests.gateways import KEY, KEY_TEXT
from tests.listening import forgotten, heeded

pytestmark = pytest.mark.anyio


async def asked(site: Site, path: str, job_id: str) -> "asyncio.Task[httpx.Response]":
    """A GET that waits for news of the job when this returns."""
    answer = asyncio.create_task(site.client.get(path))
    await heeded(site.gateway.watching, job_id)
    return answer


@pytest.mark.parametrize("path", ["/v1/videos/{}?wait=60", "/v1/video/generations/{}?wait=60"])
async def test_the_answer_comes_with_the_next_change(site: Site, path: str) -> None:
    job = await site.created()
    waiting = await asked(site, path.format(job["id"]), job["id"])
    site.studio.status, site.studio.progress = "in_progress", 40
    site.gateway.poller.hurry(job["id"])
    changed = await asyncio.wait_for(waiting, 10)
    assert (changed.status_code, changed.json()["status"], changed.json()["progress"]) == (200, "in_progress", 40)
    assert changed.headers["openai-poll-after-ms"]

    waiting = await asked(site, path.format(job["id"]), job["id"])
    site.studio.status = "completed"
    site.gateway.poller.hurry(job["id"])
    done = (await asyncio.wait_for(waiting, 10)).json()
    assert done["status"] == "completed"
    assert done == (await site.client.get(path.format(job["id"]))).json()


@pytest.mark.parametrize("path", ["/v1/videos/{}?wait=60", "/v1/video/generations/{}?wait=60"])
async def test_a_job_that_has_ended_is_answered_at_once(site: Site, path: str) -> None:
    job = await site.finished()
    answer = await asyncio.wait_for(site.client.get(path.format(job["id"])), 10)
    assert answer.json()["status"] == "completed"


@pytest.mark.parametrize("wait", ["0", "0.01"])
async def test_when_the_time_is_over_the_job_is_shown_as_it_is(site: Site, wait: str) -> None:
    job = await site.created()
    answer = await site.client.get(f"/v1/videos/{job['id']}", params={"wait": wait})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert not site.gateway.watching.heeded(job["id"])


@pytest.mark.parametrize("wait", ["-1", "61", "60.5", "soon", "", "nan", "inf", "1e9"])
@pytest.mark.parametrize("path", ["/v1/videos/{}", "/v1/video/generations/{}", "/v1/images/{}"])
async def test_a_time_out_of_bounds_is_refused_by_name(shared_site: Site, path: str, wait: str) -> None:
    answer = await shared_site.client.get(path.format("task_1"), params={"wait": wait})
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("invalid_value", "wait")


async def test_a_process_that_goes_away_answers_with_the_job_as_it_is(site: Site) -> None:
    job = await site.created()
    waiting = await asked(site, f"/v1/videos/{job['id']}?wait=60", job["id"])
    site.gateway.leave()
    answers = [await asyncio.wait_for(waiting, 10), await site.client.get(f"/v1/videos/{job['id']}?wait=60")]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "queued")] * 2
    assert all(answer.headers["openai-poll-after-ms"] for answer in answers)


async def test_a_job_that_is_deleted_meanwhile_is_not_found(site: Site) -> None:
    job = await site.created()
    waiting = await asked(site, f"/v1/videos/{job['id']}?wait=0.3", job["id"])
    async with site.gateway.database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM jobs")
    assert (await waiting).status_code == 404


async def test_a_client_that_leaves_ends_its_wait(site: Site) -> None:
    job = await site.gateway.job((await site.created())["id"], KEY.id)
    gone = asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    waiting = asyncio.create_task(waited(Request({"type": "http"}, receive), site.gateway, job, 60))
    await heeded(site.gateway.watching, job.id)
    gone.set()
    with pytest.raises(ClientDisconnect):
        await asyncio.wait_for(waiting, 10)
    await forgotten(site.gateway.watching, job.id)


async def test_what_another_process_wrote_ends_the_wait(tmp_path: Path) -> None:
    async with (
        site_on(tmp_path) as here,
        site_on(tmp_path, channels=(), keys=()) as there,
        client_of(there.app, KEY_TEXT) as client,
    ):
        job = await here.created()
        waiting = asyncio.create_task(client.get(f"/v1/videos/{job['id']}?wait=60"))
        await heeded(there.gateway.watching, job["id"])
        stored = await here.gateway.job(job["id"], None)
        await here.gateway.recorder.take(fail(stored, Failure("cancelled", "Enough."), here.gateway.now()))
        assert (await asyncio.wait_for(waiting, 10)).json()["status"] == "failed"


async def test_a_picture_that_is_finished_is_shown_at_once(site: Site) -> None:
    made = (await site.client.post("/v1/images/generations", json=IMAGE)).json()
    answer = await asyncio.wait_for(site.client.get(f"/v1/images/{made['id']}?wait=60"), 10)
    assert answer.json()["status"] == "completed"


async def test_many_wait_for_one_job(site: Site) -> None:
    job = await site.created(**VIDEO)
    waiting = [await asked(site, f"/v1/videos/{job['id']}?wait=60", job["id"]) for _ in range(20)]
    site.studio.status = "failed"
    site.gateway.poller.hurry(job["id"])
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert {answer.json()["status"] for answer in answers} == {"failed"}

"""`/admin/jobs`: of all keys, with everything that helps an operator."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import VIDEO, Site, error_of
from tests.gateways import CHANNEL, KEY, ended

pytestmark = pytest.mark.anyio


async def ids(admin: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await admin.get("/admin/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["data"]]


async def test_jobs_of_every_key_are_listed_newest_first(site: Site, admin: httpx.AsyncClient) -> None:
    own = await site.created()
    theirs = (await site.stranger.post("/v1/videos", json=VIDEO)).json()
    assert await ids(admin) == [theirs["id"], own["id"]]


async def test_jobs_can_be_filtered(site: Site, admin: httpx.AsyncClient) -> None:
    done = (await site.finished())["id"]
    site.studio.status = "queued"
    waiting = (await site.created(model="another-video-model"))["id"]
    theirs = (await site.stranger.post("/v1/videos", json=VIDEO)).json()["id"]
    assert await ids(admin, status="completed") == [done]
    assert await ids(admin, key_id=KEY.id) == [waiting, done]
    assert await ids(admin, model="another-video-model") == [waiting]
    assert await ids(admin, channel=CHANNEL.name) == await ids(admin, channel=CHANNEL.id) == [theirs, waiting, done]
    assert await ids(admin, channel="sandbox") == await ids(admin, channel="nobody") == []
    assert await ids(admin, status="queued", key_id=KEY.id) == [waiting]


async def test_lists_turn_pages_by_next(site: Site, admin: httpx.AsyncClient) -> None:
    made = [(await site.created())["id"] for _ in range(3)]
    first = (await admin.get("/admin/jobs", params={"limit": 2})).json()
    second = (await admin.get("/admin/jobs", params={"limit": 2, "before": first["next"]})).json()
    assert [job["id"] for job in (*first["data"], *second["data"])] == made[::-1]
    assert (first["has_more"], second["has_more"], second["next"]) == (True, False, None)


async def test_one_job_shows_what_was_asked_sent_and_answered(site: Site, admin: httpx.AsyncClient) -> None:
    created = await site.created(duration=9, metadata={"external_task_id": "mine-1"})
    site.studio.status = "completed"
    await ended(site.gateway, created["id"])
    job = (await admin.get(f"/admin/jobs/{created['id']}")).json()
    assert (job["status"], job["progress"], job["client_task_id"]) == ("completed", 100, "mine-1")
    assert job["channel"] == {"id": CHANNEL.id, "name": CHANNEL.name}
    assert (job["request"]["op"], job["request"]["prompt"], job["request"]["duration"]) == ("video", VIDEO["prompt"], 5)
    assert job["fitted"]["model"] == VIDEO["model"]
    assert {"code": "duration_conflict", "field": "duration", "from": 9, "to": 5} in job["warnings"]
    assert {"channel": CHANNEL.name, "eligible": True, "reason": "first choice"} in job["route"]
    (attempt,) = job["attempts"]
    assert attempt["outcome"] == "accepted"
    assert attempt["credential_id"] == CHANNEL.credentials[0].id
    assert attempt["call"]["method"] == "POST"
    assert attempt["started_at"] <= attempt["ended_at"]
    assert job["outputs"][0]["index"] == 0
    assert job["upstream_id"] == "video_up_1"
    assert job["completed_at"] >= job["created_at"]


async def test_a_refusal_shows_what_the_vendor_said(site: Site, admin: httpx.AsyncClient) -> None:
    site.studio.refusal = httpx.Response(400, json={"error": {"message": "No boats.", "code": "invalid_value"}})
    refused = await site.client.post("/v1/videos", json=VIDEO)
    job = (await admin.get(f"/admin/jobs/{error_of(refused)['id']}")).json()
    assert job["status"] == "failed"
    assert "No boats." in job["attempts"][0]["reply"]
    assert job["attempts"][0]["status"] == 400
    assert job["outputs"] == []


async def test_a_vendors_signed_link_is_shown_without_its_signature(site: Site, admin: httpx.AsyncClient) -> None:
    signed = "https://cdn.example.com/clip.mp4?Expires=1&X-Amz-Signature=canary-signature&Signature=canary-signature"
    site.studio.images, site.studio.pictures = {}, [{"url": signed}]
    made = await site.client.post("/v1/images/generations", json={"model": "gpt-image-1.5", "prompt": "a boat"})
    assert made.status_code == 200, made.text
    (job_id,) = await ids(admin)
    answer = await admin.get(f"/admin/jobs/{job_id}")
    assert answer.json()["outputs"][0]["url"].startswith("https://cdn.example.com/clip.mp4?Expires=1")
    assert "canary-signature" not in answer.text


async def test_an_unknown_job_is_a_404(admin: httpx.AsyncClient) -> None:
    for job_id in ("task_none", "%00", "'"):
        assert (await admin.get(f"/admin/jobs/{job_id}")).status_code == 404


@pytest.mark.parametrize("query", [{"status": "done"}, {"limit": "-1"}, {"channel": "\x00"}, {"model": ""}])
async def test_a_bad_filter_is_a_400(admin: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await admin.get("/admin/jobs", params=query)
    assert (answer.status_code, error_of(answer)["param"]) == (400, next(iter(query)))


async def test_like_wildcards_bounded(site: Site, admin: httpx.AsyncClient) -> None:
    await site.created()
    assert await ids(admin, model="%") == await ids(admin, channel="_") == await ids(admin, key_id="key%") == []

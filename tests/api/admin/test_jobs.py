"""`/admin/jobs`: of all keys, with everything that helps an operator."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import IMAGE, VIDEO, Site, error_of
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


async def test_a_job_shows_its_price_its_cost_and_its_lines(site: Site, admin: httpx.AsyncClient) -> None:
    prices = {VIDEO["model"]: {"unit": "second", "usd": {"720p": "0.05", "*": "1"}}}
    await admin.patch(f"/admin/channels/{CHANNEL.id}", json={"prices": prices, "price_ratio": "1.5"})
    created = await site.created()
    open_job = (await admin.get(f"/admin/jobs/{created['id']}")).json()
    assert open_job["terms"] == {"unit": "second", "usd": {"720p": "0.05", "*": "1"}, "ratio": 1.5}
    assert (open_job["cost_usd"], open_job["reserved_usd"], open_job["late_at"]) == (None, "0.375000", None)
    assert [(line["kind"], line["usd"]) for line in open_job["ledger"]] == [("reserve", "-0.375000")]
    site.studio.status = "completed"
    await ended(site.gateway, created["id"])
    job = (await admin.get(f"/admin/jobs/{created['id']}")).json()
    assert (job["cost_usd"], job["reserved_usd"]) == ("0.375000", "0.000000")
    assert [line["kind"] for line in job["ledger"]] == ["reserve", "settle"]
    assert {line["job_id"] for line in job["ledger"]} == {created["id"]}
    assert (await admin.get("/admin/jobs")).json()["data"][0]["cost_usd"] == "0.375000"


async def test_the_owner_of_a_job_sees_what_it_costs(site: Site, admin: httpx.AsyncClient) -> None:
    prices = {VIDEO["model"]: {"unit": "job", "usd": "0.25"}, IMAGE["model"]: {"unit": "image", "usd": "0.04"}}
    await admin.patch(f"/admin/channels/{CHANNEL.id}", json={"prices": prices})
    created, done = await site.created(), await site.finished()
    painted = (await site.client.post("/v1/images/generations", json=IMAGE)).json()
    assert (created["cost_usd"], created["reserved_usd"]) == (None, "0.250000")
    assert (done["cost_usd"], done["reserved_usd"]) == ("0.250000", "0.000000")
    assert (painted["cost_usd"], painted["reserved_usd"]) == ("0.040000", "0.000000")
    assert not any("unpriced" in shown for shown in (created, done, painted))
    spent = (await site.client.get("/v1/usage")).json()
    assert (spent["spent_usd"], spent["reserved_usd"]) == ("0.290000", "0.250000")


async def test_a_model_without_a_price_says_so_to_its_owner(site: Site) -> None:
    assert (await site.finished())["unpriced"] is True


async def test_the_route_stands_in_a_header(site: Site, admin: httpx.AsyncClient) -> None:
    done = await site.finished()
    site.studio.refusal = httpx.Response(400, json={"error": {"message": "No boats.", "code": "invalid_value"}})
    refused = error_of(await site.client.post("/v1/videos", json=VIDEO))
    for job_id, outcome in ((done["id"], "accepted"), (refused["id"], "400")):
        route = (await admin.get(f"/admin/jobs/{job_id}")).headers["x-filmgate-route"]
        assert route.split("; ")[0] == f"{CHANNEL.name}={outcome}"


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

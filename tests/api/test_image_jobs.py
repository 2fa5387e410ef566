"""Pictures in the background: `Prefer: respond-async`, `background: true`, `GET /v1/images/{id}`."""

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from app.api.answer_schemas import SCHEMAS
from app.api.dialects.images import Picture, image_job_object
from app.domain.jobs import Failure, JobStatus, Output
from app.domain.requests import ImageRequest, Mode
from app.store import jobs as job_store
from tests.api.conftest import IMAGE, Site, error_of, site_on
from tests.api.vendor import PIXEL
from tests.gateways import CHANNEL, KEY, Script, ended, stored
from tests.listening import heeded
from tests.store.samples import NOW, SECOND
from tests.store.samples import job as sample

pytestmark = pytest.mark.anyio
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
B64 = base64.b64encode(PIXEL).decode()
LATER: dict[str, Any] = {**IMAGE, "background": True}
NAMED = {"Idempotency-Key": "order-1"}
FILE = ("boat.png", PIXEL, "image/png")


def held(site: Site) -> tuple[asyncio.Event, asyncio.Event]:
    """Makes the vendor's answers wait: (one has arrived, let them go)."""
    arrived, released = asyncio.Event(), asyncio.Event()
    site.vendor.script = _holding(site, arrived, released)
    return arrived, released


def _holding(site: Site, arrived: asyncio.Event, released: asyncio.Event) -> Script:
    async def script(request: httpx.Request) -> httpx.Response | Exception:
        arrived.set()
        await released.wait()
        return site.studio(request)

    return script


async def final(site: Site, job_id: str) -> dict[str, Any]:
    """The job when it has ended."""
    await ended(site.gateway, job_id)
    answer = await site.client.get(f"/v1/images/{job_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    described(found)
    return found


def described(shown: dict[str, Any]) -> None:
    """The object is as `/docs` says."""
    schema = {"$ref": "#/components/schemas/ImageJob", "components": {"schemas": dict(SCHEMAS)}}
    jsonschema_rs.Draft202012Validator(schema).validate(shown)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (GENERATIONS, {"json": LATER}),
        (GENERATIONS, {"json": IMAGE, "headers": {"prefer": "respond-async"}}),
        (GENERATIONS, {"json": IMAGE, "headers": {"prefer": "handling=lenient, Respond-Async; wait=10"}}),
        (EDITS, {"json": {**LATER, "image": B64}}),
        (EDITS, {"data": {**IMAGE, "background": "true"}, "files": {"image": FILE}}),
        (EDITS, {"data": IMAGE, "files": {"image": FILE}, "headers": {"prefer": "respond-async"}}),
    ],
)
async def test_the_answer_comes_before_the_vendors(site: Site, path: str, sent: dict[str, Any]) -> None:
    arrived, released = held(site)
    answer = await asyncio.wait_for(site.client.post(path, **sent), 10)
    job = answer.json()
    assert answer.status_code == 202
    assert (job["object"], job["status"], job["progress"], job["model"]) == ("image.job", "queued", 0, IMAGE["model"])
    assert job["id"] == job["task_id"]
    assert [job[name] for name in ("data", "usage", "error", "completed_at", "cost_usd")] == [None] * 5
    assert (job["warnings"], job["reserved_usd"]) == ([], "0.000000")
    assert 1000 <= int(answer.headers["openai-poll-after-ms"]) <= 10_000
    assert "location" not in answer.headers
    described(job)
    await arrived.wait()
    assert (await site.client.get(f"/v1/images/{job['id']}")).json()["status"] == "queued"
    released.set()
    done = await final(site, job["id"])
    assert (done["status"], done["progress"], done["data"], done["error"]) == ("completed", 100, [{"b64_json": B64}], None)
    assert done["completed_at"] >= done["created_at"] == job["created_at"]


@pytest.mark.parametrize("word", ["auto", "opaque", "transparent", False, "false"])
async def test_openais_own_words_keep_their_meaning(site: Site, word: str | bool) -> None:
    answer = await site.client.post(GENERATIONS, json={**IMAGE, "background": word}, headers={"prefer": "return=minimal"})
    assert answer.status_code == 200
    assert answer.json()["data"] == [{"b64_json": B64}]
    assert site.vendor.bodies[-1].get("background") == (word if word in ("auto", "opaque", "transparent") else None)


async def test_what_is_asked_for_in_the_background_says_nothing_to_the_vendor(site: Site) -> None:
    job = (await site.client.post(GENERATIONS, json=LATER)).json()
    await ended(site.gateway, job["id"])
    assert "background" not in site.vendor.bodies[-1]


@pytest.mark.parametrize(("asked", "form"), [("url", "url"), ("b64_json", "b64_json")])
@pytest.mark.parametrize("pictures", [[{"b64_json": B64}], [{"b64_json": B64}, {"b64_json": B64}]])
async def test_data_is_as_in_the_synchronous_answer(site: Site, asked: str, form: str, pictures: list[dict[str, Any]]) -> None:
    site.studio.pictures = pictures
    site.studio.images = {"usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}}
    body = {**LATER, "n": len(pictures), "response_format": asked}
    done = await final(site, (await site.client.post(GENERATIONS, json=body)).json()["id"])
    assert [set(entry) for entry in done["data"]] == [{form}] * len(pictures)
    assert done["usage"] == {"images": len(pictures), "input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    assert "created" not in done
    if form == "url":
        assert (await site.client.get(done["data"][-1]["url"])).content == PIXEL


async def test_the_format_asked_for_is_made_all_the_same(site: Site) -> None:
    body = {"model": "sandbox-image", "prompt": "a", "size": "64x64", "background": True, "output_format": "webp"}
    done = await final(site, (await site.client.post(GENERATIONS, json=body)).json()["id"])
    assert done["output_format"] == "webp"
    assert (await site.client.get(done["data"][0]["url"])).headers["content-type"] == "image/webp"


async def test_a_synchronous_picture_can_be_looked_at_too(site: Site) -> None:
    made = (await site.client.post(GENERATIONS, json=IMAGE)).json()
    shown = await final(site, made["id"])
    assert (shown["status"], shown["data"], shown["cost_usd"]) == ("completed", made["data"], made["cost_usd"])


async def test_withheld_pictures_stand_apart(site: Site) -> None:
    site.studio.pictures = [{"b64_json": B64}, {"error": {"code": "moderation_blocked", "message": "Not this one."}}]
    done = await final(site, (await site.client.post(GENERATIONS, json={**LATER, "n": 2})).json()["id"])
    assert done["data"] == [{"b64_json": B64}]
    assert [error["code"] for error in done["errors"]] == ["content_policy_violation"]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (httpx.Response(400, json={"error": {"code": "moderation_blocked", "message": "No boats."}}), "content_policy_violation"),
        (httpx.Response(429, json={"error": {"message": "slow"}}), "rate_limit_exceeded"),
        (httpx.ConnectError("refused"), "upstream_unreachable"),
        (httpx.ReadTimeout("silence"), "upstream_outcome_unknown"),
        (httpx.Response(500, text="<html>"), "upstream_outcome_unknown"),
    ],
)
async def test_after_the_202_the_job_ends_whatever_happens(
    site: Site, trouble: httpx.Response | Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.studio.refusal = trouble
    answer = await site.client.post(GENERATIONS, json=LATER)
    assert answer.status_code == 202
    failed = await final(site, answer.json()["id"])
    assert (failed["status"], failed["data"], failed["error"]["code"]) == ("failed", None, code)
    assert failed["request_id"].startswith("req_")
    assert "could not be sent on" not in caplog.text


async def test_a_fault_of_ours_after_the_202_is_logged_and_the_job_ends(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise RuntimeError("a bug")

    site.vendor.script = broken
    job = (await site.client.post(GENERATIONS, json=LATER)).json()
    assert (await final(site, job["id"]))["status"] == "failed"
    assert "could not be sent on" in caplog.text


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"n": "many"}, 400, "n"),
        ({"model": "no-such-model-of-anybody", "image": "https://127.0.0.1/a.png"}, 400, "image"),
        ({"prompt": ""}, 400, "prompt"),
        ({"stream": True}, 400, "stream"),
    ],
)
async def test_what_is_refused_before_anything_is_stored_is_no_202(
    shared_site: Site, change: dict[str, Any], status: int, param: str
) -> None:
    refused = await shared_site.client.post(GENERATIONS, json={**LATER, **change})
    assert refused.status_code == status
    assert error_of(refused)["param"] == param
    assert await stored(shared_site.gateway) == []
    assert shared_site.vendor.requests == []


async def test_a_stream_is_not_made_in_the_background_by_a_header_either(site: Site) -> None:
    refused = await site.client.post(GENERATIONS, json={**IMAGE, "stream": True}, headers={"prefer": "respond-async"})
    assert (refused.status_code, error_of(refused)["param"]) == (400, "stream")


async def test_an_empty_budget_is_no_202(tmp_path: Path) -> None:
    priced = replace(CHANNEL, prices={IMAGE["model"]: {"unit": "image", "usd": "0.25"}})
    async with site_on(tmp_path, channels=(priced,), keys=(replace(KEY, budget=100_000),)) as site:
        refused = await site.client.post(GENERATIONS, json=LATER)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "insufficient_quota")


async def test_the_cost_is_reserved_and_then_known(tmp_path: Path) -> None:
    priced = replace(CHANNEL, prices={IMAGE["model"]: {"unit": "image", "usd": "0.25"}})
    async with site_on(tmp_path, channels=(priced,)) as site:
        job = (await site.client.post(GENERATIONS, json=LATER)).json()
        done = await final(site, job["id"])
    assert (job["cost_usd"], job["reserved_usd"]) == (None, "0.250000")
    assert (done["cost_usd"], done["reserved_usd"]) == ("0.250000", "0.000000")


async def test_the_same_request_gets_the_same_202(site: Site) -> None:
    _, released = held(site)
    first = await site.client.post(GENERATIONS, json=LATER, headers=NAMED)
    again = await site.client.post(GENERATIONS, json=LATER, headers=NAMED)
    released.set()
    await ended(site.gateway, first.json()["id"])
    later = await site.client.post(GENERATIONS, json=LATER, headers=NAMED)
    assert first.status_code == again.status_code == later.status_code == 202
    assert first.content == again.content == later.content
    assert again.headers["idempotent-replayed"] == later.headers["idempotent-replayed"] == "true"
    assert again.headers["openai-poll-after-ms"] == first.headers["openai-poll-after-ms"]
    assert site.vendor.creates() == 1


async def test_equal_requests_that_come_at_once_make_one_job(site: Site) -> None:
    answers = await asyncio.gather(*(site.client.post(GENERATIONS, json=LATER, headers=NAMED) for _ in range(20)))
    assert len({answer.content for answer in answers}) == 1
    assert len(await stored(site.gateway)) == 1


async def test_the_same_name_for_an_answer_of_another_kind_is_refused(site: Site) -> None:
    await site.client.post(GENERATIONS, json=IMAGE, headers={**NAMED, "prefer": "respond-async"})
    refused = await site.client.post(GENERATIONS, json=IMAGE, headers=NAMED)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "idempotency_key_reused")


async def test_an_answer_that_was_lost_is_made_from_the_job(site: Site) -> None:
    job = (await site.client.post(GENERATIONS, json=LATER, headers=NAMED)).json()
    await ended(site.gateway, job["id"])
    async with site.gateway.database.write() as connection:
        await connection.exec_driver_sql("UPDATE replays SET status = NULL, headers = NULL, body = NULL")
    again = await site.client.post(GENERATIONS, json=LATER, headers=NAMED)
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (202, job["id"], "completed")
    assert site.vendor.creates() == 1


async def test_a_job_waits_where_a_limit_leaves_no_room(tmp_path: Path) -> None:
    async with site_on(tmp_path, keys=(replace(KEY, max_concurrency=1),)) as site:
        arrived, released = held(site)
        first = (await site.client.post(GENERATIONS, json=LATER)).json()
        await arrived.wait()
        second = await site.client.post(GENERATIONS, json={**LATER, "prompt": "another"})
        assert (second.status_code, second.json()["status"]) == (202, "queued")
        assert site.vendor.creates() == 1
        released.set()
        for job_id in (first["id"], second.json()["id"]):
            assert (await final(site, job_id))["status"] == "completed"


async def test_a_job_of_several_calls_is_one_job(site: Site) -> None:
    site.studio.pictures = [{"url": "https://vendor.example.com/a.png"}]
    arrived, released = held(site)
    answer = await site.client.post(GENERATIONS, json={**LATER, "model": "some-image-model", "n": 3})
    await arrived.wait()
    released.set()
    done = await final(site, answer.json()["id"])
    assert answer.status_code == 202
    assert len(done["data"]) == site.vendor.creates() == 3


async def test_a_shutdown_waits_for_what_a_202_promised(site: Site) -> None:
    arrived, released = held(site)
    job = (await site.client.post(GENERATIONS, json=LATER)).json()
    await arrived.wait()
    stopping = asyncio.create_task(site.gateway.drain())
    await asyncio.sleep(0)
    refused = await site.client.post(GENERATIONS, json=LATER)
    assert not stopping.done()
    released.set()
    await asyncio.wait_for(stopping, 10)
    assert refused.status_code == 503
    assert (await site.client.get(f"/v1/images/{job['id']}")).json()["status"] == "completed"


async def test_a_wait_ends_when_the_picture_is_there(site: Site) -> None:
    arrived, released = held(site)
    job = (await site.client.post(GENERATIONS, json=LATER)).json()
    await arrived.wait()
    waiting = asyncio.create_task(site.client.get(f"/v1/images/{job['id']}?wait=60"))
    await heeded(site.gateway.watching, job["id"])
    released.set()
    shown = (await asyncio.wait_for(waiting, 10)).json()
    assert (shown["status"], shown["data"]) == ("completed", [{"b64_json": B64}])


async def test_warnings_stand_in_header_and_body(site: Site) -> None:
    answer = await site.client.post(GENERATIONS, json={**LATER, "duration": 5})
    assert answer.headers["x-filmgate-warnings"]
    assert [warning["code"] for warning in answer.json()["warnings"]] == answer.headers["x-filmgate-warnings"].split(", ")


@pytest.mark.parametrize("image_id", ["image_0000000000000000000000000", "a%00b", "%27;--", "x" * 3000, "generations", "视频"])
async def test_an_unknown_picture_is_a_404(shared_site: Site, image_id: str) -> None:
    answer = await shared_site.client.get(f"/v1/images/{image_id}")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "task_not_exist")


async def test_pictures_of_others_and_films_are_not_there(site: Site) -> None:
    made = (await site.client.post(GENERATIONS, json=IMAGE)).json()
    film = await site.created()
    for client, job_id in ((site.stranger, made["id"]), (site.client, film["id"])):
        answer = await client.get(f"/v1/images/{job_id}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "task_not_exist")


async def test_a_picture_that_cannot_be_fetched_now_may_be_asked_for_again(site: Site) -> None:
    site.studio.pictures = [{"url": "/v1/videos/x/content"}]
    body = {**LATER, "model": "other", "response_format": "b64_json"}
    job = (await site.client.post(GENERATIONS, json=body)).json()
    await ended(site.gateway, job["id"])
    site.studio.content_status = 500
    answer = await site.client.get(f"/v1/images/{job['id']}")
    assert answer.status_code == 502
    assert "x-should-retry" not in answer.headers
    site.studio.content_status = 200
    assert (await final(site, job["id"]))["status"] == "completed"


async def test_what_came_after_the_deadline_is_shown_apart(site: Site) -> None:
    made = (await site.client.post(GENERATIONS, json={**IMAGE, "response_format": "url"})).json()
    job = await site.gateway.job(made["id"], None)
    late = replace(job, id="image_late", status=JobStatus.FAILED, failure=Failure("deadline_exceeded", "Too late."))
    async with site.gateway.database.write() as connection:
        await job_store.insert(connection, replace(late, late_at=NOW), owner=None)
    shown = await final(site, "image_late")
    assert (shown["status"], shown["data"], shown["error"]["code"]) == ("failed", None, "deadline_exceeded")
    assert (await site.client.get(shown["late"]["data"][0]["url"])).content == PIXEL


def test_the_object_of_a_finished_job() -> None:
    asked = ImageRequest(model="film-1", mode=Mode.T2I, prompt="a boat", width=64, height=64)
    done = replace(
        sample(1, op="image"),
        asked=asked,
        request=asked,
        status=JobStatus.COMPLETED,
        progress=100,
        outputs=(Output(url="https://cdn.example.com/a.png", mime="image/png", revised_prompt="a better boat"),),
        completed_at=NOW + timedelta(seconds=9),
        updated_at=NOW + 9 * SECOND,
        cost=40_000,
    )
    assert image_job_object(done, [Picture(url="http://gate/files/x")]) == {
        "id": "job_000001",
        "task_id": "job_000001",
        "object": "image.job",
        "status": "completed",
        "progress": 100,
        "model": "film-1",
        "created_at": int(done.created_at.timestamp()),
        "completed_at": int(NOW.timestamp()) + 9,
        "data": [{"url": "http://gate/files/x", "revised_prompt": "a better boat"}],
        "usage": None,
        "error": None,
        "warnings": [],
        "cost_usd": "0.040000",
        "reserved_usd": "0.000000",
        "unpriced": True,
        "size": "64x64",
        "output_format": "png",
    }

"""The same request again, by name or by an SDK of its own accord: one job, one payment, the same answer."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import select, text, update

from app.api.image_events import event_stream, result_events
from app.domain.jobs import JobStatus
from app.domain.json import JsonObject
from app.engine.changes import changing
from app.engine.records import AlreadyMade
from app.store.tables import jobs, keys, replays
from tests.api.conftest import IMAGE, VIDEO, Site, error_of, site_on
from tests.api.test_image_events import events_of
from tests.api.vendor import PIXEL
from tests.gateways import CHANNEL, KEY, KEY_TEXT, ended, stored
from tests.servers import AsgiApp, Receive, Scope, Send, serve

pytestmark = pytest.mark.anyio

NAMED = {"Idempotency-Key": "order-1"}
RETRY = {"x-stainless-retry-count": "1"}
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
B64 = base64.b64encode(PIXEL).decode()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def same(first: httpx.Response, again: httpx.Response) -> None:
    """The second answer repeats the first one, and says so."""
    assert again.content == first.content
    assert again.status_code == first.status_code
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    for name in ("content-type", "x-filmgate-warnings", "openai-poll-after-ms", "x-should-retry"):
        assert again.headers.get(name) == first.headers.get(name)


def refusal(status: int, code: str = "", **headers: str) -> httpx.Response:
    """A vendor's error answer."""
    return httpx.Response(status, json={"error": {"code": code, "message": "No boats."}}, headers=headers)


async def executed(site: Site, statement: Any) -> None:
    """Changes the database behind the gateway's back."""
    async with site.gateway.database.write() as connection:
        await connection.execute(statement)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (GENERATIONS, {"json": {**IMAGE, "duration": 5}}),
        (EDITS, {"json": {**IMAGE, "image": B64}}),
        (EDITS, {"data": IMAGE, "files": {"image": ("boat.png", PIXEL, "image/png")}}),
        ("/v1/videos", {"json": {**VIDEO, "mode": "unheard of"}}),
        ("/v1/videos", {"data": VIDEO, "files": {"input_reference": ("boat.png", PIXEL, "image/png")}}),
        ("/v1/video/generations", {"json": VIDEO}),
        ("/v1/videos/edits", {"json": {"prompt": "at night", "video": {"id": "{id}"}}}),
        ("/v1/videos/extensions", {"json": {"prompt": "on", "seconds": "4", "video": {"id": "{id}"}}}),
        ("/v1/videos/{id}/remix", {"json": {"prompt": "at night"}}),
    ],
)
async def test_idempotent_replay_returns_same_bytes(site: Site, path: str, sent: dict[str, Any]) -> None:
    source = (await site.finished())["id"]
    sent = {name: _filled(value, source) for name, value in sent.items()}
    path, before = path.format(id=source), site.vendor.creates()
    first = await site.client.post(path, **sent, headers=NAMED)
    again = await site.client.post(path, **sent, headers=NAMED)
    assert first.status_code == 200, first.text
    same(first, again)
    assert site.vendor.creates() == before + 1


def _filled(value: Any, source: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, source) for name, inner in value.items()}
    return source if value == "{id}" else value


async def test_same_key_other_body_is_400(site: Site) -> None:
    await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    for path, body in (("/v1/videos", {**VIDEO, "prompt": "another"}), ("/v1/video/generations", VIDEO), (GENERATIONS, IMAGE)):
        refused = await site.client.post(path, json=body, headers=NAMED)
        assert refused.status_code == 400
        assert "idempotent-replayed" not in refused.headers
        assert (error_of(refused)["code"], error_of(refused)["param"]) == ("idempotency_key_reused", "Idempotency-Key")
    assert site.vendor.creates() == 1


async def test_same_idempotency_key_100_parallel_creates_one_upstream_job(site: Site) -> None:
    posts = [site.client.post("/v1/videos", json=VIDEO, headers=NAMED) for _ in range(100)]
    answers = await asyncio.gather(*posts)
    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1
    assert sum("idempotent-replayed" in one.headers for one in answers) == 99
    assert len({one.headers["x-request-id"] for one in answers}) == 100
    assert site.vendor.creates() == len(await stored(site.gateway)) == 1


async def test_another_request_of_the_name_is_refused_at_once_while_the_first_one_runs(site: Site) -> None:
    arrived, released = _held(site)
    first = asyncio.create_task(site.client.post(GENERATIONS, json=IMAGE, headers=NAMED))
    await arrived.wait()
    other = await site.client.post(GENERATIONS, json={**IMAGE, "prompt": "another"}, headers=NAMED)
    equal = asyncio.create_task(site.client.post(GENERATIONS, json=IMAGE, headers=NAMED))
    released.set()
    assert error_of(other)["code"] == "idempotency_key_reused"
    same(await first, await equal)


def _held(site: Site) -> tuple[asyncio.Event, asyncio.Event]:
    """Makes the vendor's answers wait: (one has arrived, let them go)."""
    arrived, released = asyncio.Event(), asyncio.Event()

    async def script(request: httpx.Request) -> httpx.Response | Exception:
        arrived.set()
        await released.wait()
        return site.studio(request)

    site.vendor.script = script
    return arrived, released


async def test_equal_requests_that_come_at_once_share_a_refusal_that_is_not_kept(site: Site) -> None:
    arrived, released = _held(site)
    site.studio.refusal = refusal(429)
    posts = [asyncio.create_task(site.client.post(GENERATIONS, json=IMAGE, headers=NAMED)) for _ in range(5)]
    await arrived.wait()
    released.set()
    answers = await asyncio.gather(*posts)
    assert [one.status_code for one in answers] == [429] * 5
    assert site.vendor.creates() == 1
    site.studio.refusal = None
    later = await site.client.post(GENERATIONS, json=IMAGE, headers=NAMED)
    assert later.status_code == 200


async def test_a_client_that_leaves_does_not_free_its_name(site: Site) -> None:
    arrived, released = _held(site)
    first = asyncio.create_task(site.client.post("/v1/videos", json=VIDEO, headers=NAMED))
    await arrived.wait()
    first.cancel()
    second = asyncio.create_task(site.client.post("/v1/videos", json=VIDEO, headers=NAMED))
    await asyncio.wait({first})
    released.set()
    assert (await second).headers["idempotent-replayed"] == "true"
    assert site.vendor.creates() == 1


async def test_boundaries_and_file_names_mean_nothing_and_bytes_do(site: Site) -> None:
    async def post(name: str, data: bytes) -> httpx.Response:
        files = {"image": (name, data, "image/png")}
        return await site.client.post(EDITS, data=IMAGE, files=files, headers=NAMED)

    first, renamed, other = await post("a.png", PIXEL), await post("b.png", PIXEL), await post("a.png", PIXEL + b"\0")
    same(first, renamed)
    assert error_of(other)["code"] == "idempotency_key_reused"


async def test_a_large_request_is_known_again(site: Site) -> None:
    body = {**IMAGE, "image": base64.b64encode(PIXEL + b"\0" * 300_000).decode()}
    first = await site.client.post(EDITS, json=body, headers=NAMED)
    same(first, await site.client.post(EDITS, json=body, headers=NAMED))


async def test_a_large_answer_is_repeated_too(site: Site) -> None:
    site.studio.pictures = [{"b64_json": base64.b64encode(PIXEL + b"\0" * 300_000).decode()}]
    first = await site.client.post(GENERATIONS, json=IMAGE, headers=NAMED)
    assert len(first.content) > 400_000
    same(first, await site.client.post(GENERATIONS, json=IMAGE, headers=NAMED))
    assert site.vendor.creates() == 1


async def test_each_client_key_has_names_of_its_own(site: Site) -> None:
    mine = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    theirs = await site.stranger.post("/v1/videos", json={**VIDEO, "prompt": "another"}, headers=NAMED)
    assert theirs.status_code == 200
    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_key_is_kept_for_a_day(site: Site) -> None:
    first = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    async with site.gateway.database.read() as connection:
        row = (await connection.execute(select(replays.c.created_at, replays.c.expires_at))).one()
    await executed(site, update(replays).values(expires_at=LONG_AGO))
    later = await site.client.post("/v1/videos", json={**VIDEO, "prompt": "another"}, headers=NAMED)
    assert row.expires_at - row.created_at == timedelta(hours=24)
    assert later.status_code == 200
    assert later.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("written", ["", "x" * 256, "a\tb", "caf\x82"])
async def test_a_key_that_is_none_is_refused(site: Site, written: str) -> None:
    headers = [(b"idempotency-key", written.encode("latin-1"))]
    refused = await site.client.post("/v1/videos", json=VIDEO, headers=headers)
    assert refused.status_code == 400
    assert (error_of(refused)["code"], error_of(refused)["param"]) == ("invalid_value", "Idempotency-Key")
    assert site.vendor.requests == []


async def test_a_long_key_is_fine_and_two_different_ones_are_not(site: Site) -> None:
    fine = await site.client.post("/v1/videos", json=VIDEO, headers={"idempotency-key": "x" * 255})
    both = await site.client.post("/v1/videos", json=VIDEO, headers=[("idempotency-key", "a"), ("idempotency-key", "b")])
    assert (fine.status_code, both.status_code) == (200, 400)


@pytest.mark.parametrize(
    ("body", "status"),
    [({**VIDEO, "prompt": ""}, 400), ({**VIDEO, "model": "no-such-model", "n": "x"}, 400), ({**VIDEO, "size": "large"}, 400)],
)
async def test_what_is_refused_before_anything_starts_is_not_kept(site: Site, body: dict[str, Any], status: int) -> None:
    refused = await site.client.post("/v1/videos", json=body, headers=NAMED)
    fine = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    assert (refused.status_code, fine.status_code) == (status, 200)
    assert "idempotent-replayed" not in fine.headers


async def test_without_a_channel_nothing_is_kept(tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=()) as site:
        answers = [await site.client.post("/v1/videos", json=VIDEO, headers=NAMED) for _ in range(2)]
        kept = await _names(site)
    assert [one.status_code for one in answers] == [404, 404]
    assert all("idempotent-replayed" not in one.headers for one in answers)
    assert kept == []


async def test_what_the_budget_does_not_allow_is_not_kept(tmp_path: Path) -> None:
    priced = replace(CHANNEL, prices={"some-video-model": {"unit": "job", "usd": "0.25"}})
    async with site_on(tmp_path, channels=(priced,), keys=(replace(KEY, budget=100_000),)) as site:
        poor = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
        async with changing(site.gateway.database) as connection:
            await connection.execute(update(keys).values(budget=300_000))
        await site.gateway.configuration.refresh()
        rich = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
        same(rich, await site.client.post("/v1/videos", json=VIDEO, headers=NAMED))
    assert (poor.status_code, rich.status_code) == (403, 200)
    assert error_of(poor)["code"] == "insufficient_quota"
    assert site.vendor.creates() == 1


@pytest.mark.parametrize("named", [{"headers": NAMED}, {"body": {"external_task_id": "mine"}}])
@pytest.mark.parametrize("trouble", [refusal(429), refusal(503), refusal(401), httpx.ConnectError("refused")])
async def test_after_an_error_that_started_nothing_the_same_request_runs(
    site: Site, named: dict[str, Any], trouble: httpx.Response | Exception
) -> None:
    async def post() -> httpx.Response:
        return await site.client.post("/v1/videos", json={**VIDEO, **named.get("body", {})}, headers=named.get("headers"))

    site.studio.refusal = trouble
    refused = await post()
    names = await _names(site)
    site.studio.refusal = None
    await _healed(site)
    fine = await post()
    assert names == []
    assert refused.status_code >= 429
    assert fine.status_code == 200, fine.text
    assert "idempotent-replayed" not in fine.headers
    same(fine, await post())


async def _names(site: Site) -> list[str]:
    """Every name that is taken."""
    async with site.gateway.database.read() as connection:
        return list((await connection.execute(select(replays.c.name))).scalars())


async def _healed(site: Site) -> None:
    """Lets the channel be used again at once."""
    await site.gateway.health.forgive("channel_1")


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (refusal(400, "moderation_blocked"), 400, "content_policy_violation"),
        (refusal(400, "bad"), 400, "invalid_request"),
        (httpx.ReadTimeout("silence"), 504, "upstream_outcome_unknown"),
        (refusal(500), 502, "upstream_outcome_unknown"),
    ],
)
@pytest.mark.parametrize(("path", "body"), [("/v1/videos", VIDEO), (GENERATIONS, IMAGE), (GENERATIONS, {**IMAGE, "stream": True})])
async def test_an_error_after_something_was_sent_is_an_answer(
    site: Site, trouble: httpx.Response | Exception, status: int, code: str, path: str, body: dict[str, Any]
) -> None:
    site.studio.refusal = trouble
    first = await site.client.post(path, json=body, headers=NAMED)
    site.studio.refusal = None
    again = await site.client.post(path, json=body, headers=NAMED)
    assert first.status_code in (status, 502)
    assert first.json()["code"] == code
    same(first, again)
    assert site.vendor.creates() == 1


async def test_a_job_that_failed_while_its_client_waited_is_an_answer(site: Site) -> None:
    body = {"model": "sandbox-image", "prompt": "a", "metadata": {"sandbox": {"fail": "moderation"}}}
    first = await site.client.post(GENERATIONS, json=body, headers=NAMED)
    assert first.status_code == 502
    same(first, await site.client.post(GENERATIONS, json=body, headers=NAMED))
    assert len(await stored(site.gateway)) == 1


async def test_an_external_task_id_does_the_same_for_good(site: Site) -> None:
    body = {**VIDEO, "external_task_id": "mine"}
    first = await site.client.post("/v1/videos", json=body)
    same(first, await site.client.post("/v1/videos", json=body))
    async with site.gateway.database.read() as connection:
        assert (await connection.execute(select(replays.c.expires_at))).scalar_one() is None
    theirs = await site.stranger.post("/v1/videos", json=body)
    assert theirs.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("spelled", ["external_task_id", "client_task_id"])
async def test_an_external_task_id_of_another_request_is_refused_as_it_was_spelled(site: Site, spelled: str) -> None:
    await site.created(**{spelled: "mine"})
    refused = await site.client.post("/v1/videos", json={**VIDEO, spelled: "mine", "prompt": "another"})
    assert refused.status_code == 400
    assert (error_of(refused)["code"], error_of(refused)["param"]) == ("idempotency_key_reused", spelled)


async def test_100_parallel_requests_of_one_task_id_make_one_job(site: Site) -> None:
    posts = [site.client.post("/v1/videos", json={**VIDEO, "external_task_id": "mine"}) for _ in range(100)]
    answers = await asyncio.gather(*posts)
    assert len({one.content for one in answers}) == 1
    assert site.vendor.creates() == 1


async def test_both_names_stand_for_the_same_request(site: Site) -> None:
    body = {**VIDEO, "external_task_id": "mine"}
    first = await site.client.post("/v1/videos", json=body, headers=NAMED)
    same(first, await site.client.post("/v1/videos", json=body, headers=NAMED))
    same(first, await site.client.post("/v1/videos", json=body))
    same(first, await site.client.post("/v1/videos", json=body, headers={"Idempotency-Key": "order-2"}))


async def test_a_task_id_that_no_database_takes_is_refused(site: Site) -> None:
    refused = await site.client.post("/v1/videos", json={**VIDEO, "external_task_id": "a\0b"})
    assert refused.status_code == 400
    assert error_of(refused)["param"] == "external_task_id"


async def test_a_job_that_waits_for_room_is_repeated_as_it_was_accepted(tmp_path: Path) -> None:
    async with site_on(tmp_path, keys=(replace(KEY, max_concurrency=1),)) as site:
        await site.created()
        held = await site.client.post("/v1/videos", json={**VIDEO, "prompt": "later"}, headers=NAMED)
        same(held, await site.client.post("/v1/videos", json={**VIDEO, "prompt": "later"}, headers=NAMED))
        pictures = await site.client.post(GENERATIONS, json=IMAGE, headers={"Idempotency-Key": "order-2"})
        again = await site.client.post(GENERATIONS, json=IMAGE, headers={"Idempotency-Key": "order-2"})
    assert held.json()["status"] == "queued"
    assert [one.status_code for one in (pictures, again)] == [429, 429]
    assert "idempotent-replayed" not in again.headers
    assert site.vendor.creates() == 1


async def test_a_deleted_video_frees_its_task_id_and_its_key_still_answers(site: Site) -> None:
    site.studio.status = "completed"
    by_task, by_key = {**VIDEO, "external_task_id": "mine"}, {**VIDEO, "prompt": "by key"}
    first = await site.client.post("/v1/videos", json=by_task)
    keyed = await site.client.post("/v1/videos", json=by_key, headers=NAMED)
    for made in (first, keyed):
        await ended(site.gateway, made.json()["id"])
        assert (await site.client.delete(f"/v1/videos/{made.json()['id']}")).status_code == 200
    second = await site.client.post("/v1/videos", json={**by_task, "prompt": "another"})
    assert second.status_code == 200
    assert second.json()["id"] != first.json()["id"]
    same(keyed, await site.client.post("/v1/videos", json=by_key, headers=NAMED))


async def test_a_remix_is_repeated_although_its_source_is_gone(site: Site) -> None:
    source = (await site.finished())["id"]
    path, body = f"/v1/videos/{source}/remix", {"prompt": "at night"}
    first = await site.client.post(path, json=body, headers=NAMED)
    await site.client.delete(f"/v1/videos/{source}")
    same(first, await site.client.post(path, json=body, headers=NAMED))
    assert (await site.client.post(path, json=body)).status_code == 404


async def test_what_was_never_answered_is_answered_from_the_job(site: Site) -> None:
    first = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    await executed(site, text("UPDATE replays SET status = NULL, headers = NULL, body = NULL"))
    again = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    third = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert third.content == again.content
    assert site.vendor.creates() == 1


async def test_a_kept_answer_that_nobody_can_open_is_made_again_from_the_job(site: Site) -> None:
    first = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    await executed(site, update(replays).values(body=b"sealed with another secret"))
    again = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    interrupted = {"code": "interrupted", "message": "Nothing was sent."}
    await executed(site, update(jobs).values(status="failed", stage="ended", accepted_at=None, failure=interrupted))
    third = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    assert (again.status_code, third.status_code) == (200, 502)
    assert first.json()["id"] == again.json()["id"] == third.json()["id"]
    assert site.vendor.creates() == 1


async def test_an_open_outcome_that_was_never_answered_is_answered_from_the_job(site: Site) -> None:
    site.studio.refusal = httpx.ReadError("cut")
    first = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    await executed(site, text("UPDATE replays SET status = NULL, headers = NULL, body = NULL"))
    again = await site.client.post("/v1/videos", json=VIDEO, headers=NAMED)
    assert again.status_code == 502
    assert (again.json()["id"], again.json()["code"]) == (first.json()["id"], "upstream_outcome_unknown")
    assert again.headers["x-should-retry"] == "false"
    assert site.vendor.creates() == 1


async def test_pictures_that_were_never_answered_are_answered_from_the_job(site: Site) -> None:
    first = await site.client.post(GENERATIONS, json={**IMAGE, "output_format": "webp"}, headers=NAMED)
    await executed(site, text("UPDATE replays SET status = NULL, headers = NULL, body = NULL"))
    again = await site.client.post(GENERATIONS, json={**IMAGE, "output_format": "webp"}, headers=NAMED)
    assert again.json()["data"] == first.json()["data"]
    assert site.vendor.creates() == 1


async def test_nothing_that_a_client_wrote_is_readable_among_the_kept_answers(site: Site) -> None:
    await site.client.post("/v1/videos", json={**VIDEO, "prompt": "canary-prompt"}, headers=NAMED)
    async with site.gateway.database.read() as connection:
        row = (await connection.execute(select(replays))).one()
    assert row.status == 200
    assert "canary-prompt" not in str(tuple(row))


async def test_a_stream_is_repeated_as_a_stream_of_its_results(site: Site) -> None:
    body = {**IMAGE, "stream": True}
    first = await site.client.post(GENERATIONS, json=body, headers=NAMED)
    again = await site.client.post(GENERATIONS, json=body, headers=NAMED)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert events_of(again.text) == events_of(first.text)
    assert error_of(await site.client.post(GENERATIONS, json=IMAGE, headers=NAMED))["code"] == "idempotency_key_reused"
    assert site.vendor.creates() == 1


async def test_equal_streams_at_once_make_one_job(site: Site) -> None:
    posts = [site.client.post(GENERATIONS, json={**IMAGE, "stream": True}, headers=NAMED) for _ in range(10)]
    answers = await asyncio.gather(*posts)
    assert [[event["b64_json"] for event in events_of(one.text)] for one in answers] == [[B64]] * 10
    assert sum("idempotent-replayed" in one.headers for one in answers) == 9
    assert site.vendor.creates() == 1


async def test_a_stream_of_an_open_job_goes_on_until_its_end(site: Site) -> None:
    body = {"model": "sandbox-image", "prompt": "a", "stream": True, "metadata": {"sandbox": {"delay": 0.2}}}
    posts = [site.client.post(GENERATIONS, json=body, headers=NAMED) for _ in range(2)]
    first, again = await asyncio.gather(*posts)
    assert events_of(first.text) == events_of(again.text)


async def test_the_pictures_of_another_request_are_waited_for(site: Site) -> None:
    made = await site.client.post(GENERATIONS, json=IMAGE)
    done = await site.gateway.job(made.json()["id"], None)
    still_open = replace(done, status=JobStatus.IN_PROGRESS, outputs=())
    async with site.gateway.database.write() as connection:
        await connection.execute(update(jobs).where(jobs.c.id == done.id).values(status="in_progress", outputs=None))
    upcoming = asyncio.ensure_future(anext(result_events(site.gateway, still_open, "image_generation")))
    await asyncio.wait({upcoming}, timeout=0.02)
    assert not upcoming.done()
    site.gateway.watching.tell(done)
    assert (await upcoming)["b64_json"] == B64


async def test_a_stream_that_is_overtaken_after_its_first_ping_says_so(site: Site) -> None:
    job = await site.created()
    made, released = await site.gateway.job(job["id"], None), asyncio.Event()

    async def events() -> AsyncIterator[JsonObject]:
        await released.wait()
        raise AlreadyMade(made)
        yield {}

    answer = await event_stream(events(), ping=0.01)
    released.set()
    frames = [bytes(frame) if not isinstance(frame, str) else frame.encode() async for frame in answer.body_iterator]
    assert frames[-1].startswith(b"event: error\n")
    assert b"send this one again" in frames[-1]


async def test_a_stream_that_started_nothing_runs_again(site: Site) -> None:
    site.studio.refusal = refusal(429)
    refused = await site.client.post(GENERATIONS, json={**IMAGE, "stream": True}, headers=NAMED)
    site.studio.refusal = None
    await _healed(site)
    fine = await site.client.post(GENERATIONS, json={**IMAGE, "stream": True}, headers=NAMED)
    assert (refused.status_code, fine.status_code) == (429, 200)
    assert "idempotent-replayed" not in fine.headers


@pytest.mark.parametrize(("path", "body"), [("/v1/videos", VIDEO), (GENERATIONS, IMAGE), (GENERATIONS, {**IMAGE, "stream": True})])
async def test_an_sdks_retry_returns_the_first_job(site: Site, path: str, body: dict[str, Any]) -> None:
    first = await site.client.post(path, json=body, headers={"x-stainless-retry-count": "0"})
    again = [await site.client.post(path, json=body, headers={"x-stainless-retry-count": count}) for count in ("1", "2")]
    assert first.status_code == 200
    assert [one.text for one in again] == [first.text] * 2
    assert all(one.headers["idempotent-replayed"] == "true" for one in again)
    assert site.vendor.creates() == 1


async def test_without_a_retry_count_an_equal_request_is_a_new_one(site: Site) -> None:
    counts: list[dict[str, str]] = [{}, {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "x"}]
    ids = {(await site.client.post("/v1/videos", json=VIDEO, headers=count)).json()["id"] for count in counts}
    assert len(ids) == 3


async def test_a_retry_of_another_body_key_or_time_is_a_new_job(site: Site) -> None:
    first = await site.created()
    other = await site.client.post("/v1/videos", json={**VIDEO, "prompt": "another"}, headers=RETRY)
    theirs = await site.stranger.post("/v1/videos", json=VIDEO, headers=RETRY)
    await executed(site, update(jobs).values(created_at=datetime.now(UTC) - timedelta(minutes=16)))
    late = await site.client.post("/v1/videos", json=VIDEO, headers=RETRY)
    assert len({first["id"], *(one.json()["id"] for one in (other, theirs, late))}) == 4


async def test_a_retry_while_the_first_try_is_under_way_gets_its_answer(site: Site) -> None:
    arrived, released = _held(site)
    first = asyncio.create_task(site.client.post("/v1/videos", json=VIDEO, headers={"x-stainless-retry-count": "0"}))
    await arrived.wait()
    again = asyncio.create_task(site.client.post("/v1/videos", json=VIDEO, headers=RETRY))
    await asyncio.wait({again}, timeout=0.05)
    released.set()
    same(await first, await again)
    assert site.vendor.creates() == 1


async def test_the_retry_after_an_error_that_started_nothing_is_made(site: Site) -> None:
    equal = await site.created()
    site.studio.refusal = refusal(429)
    refused = await site.client.post("/v1/videos", json=VIDEO, headers={"x-stainless-retry-count": "0"})
    site.studio.refusal = None
    await _healed(site)
    made = await site.client.post("/v1/videos", json=VIDEO, headers=RETRY)
    assert refused.status_code == 429
    assert made.json()["id"] != equal["id"]
    assert site.vendor.creates() == 3


async def test_the_official_sdk_repeats_a_lost_answer_and_gets_the_same_job(site: Site) -> None:
    proxy = LossyProxy(site.app)
    async with serve(proxy) as url, openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY_TEXT) as sdk:
        made = await sdk.images.generate(model="gpt-image-1.5", prompt="a paper boat")
    assert proxy.counts == [b"0", b"1"]
    assert made.data is not None
    assert made.data[0].b64_json == B64
    assert site.vendor.creates() == len(await stored(site.gateway)) == 1


@dataclass
class LossyProxy:
    """Loses the first answer, and says so in its own words."""

    app: AsgiApp
    counts: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.counts.append(dict(scope["headers"])[b"x-stainless-retry-count"])
        if len(self.counts) > 1:
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _nowhere)
        await send({"type": "http.response.start", "status": 502, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def _nowhere(message: Scope) -> None:
    """Drops what the application says."""

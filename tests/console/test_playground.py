"""The page on which people try models, and what it asks before it sends."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.console import pages
from app.console.texts import table
from app.engine.changes import changing
from app.engine.sessions import AS_KEY_HEADER, CSRF_HEADER
from app.store import keys as key_store
from tests.api.conftest import VIDEO, error_of
from tests.console.conftest import Rooms
from tests.gateways import CHANNEL, KEY, stored

pytestmark = pytest.mark.anyio
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
SANDBOX = {"model": "sandbox-video", "prompt": "a paper boat", "seconds": "31"}


def start_of(page: httpx.Response) -> dict[str, Any]:
    found = re.search(r'data-start="([^"]*)"', page.text)
    assert found is not None
    start: dict[str, Any] = json.loads(html.unescape(found[1]))
    return start


async def asked(browser: httpx.AsyncClient, path: str, body: object, **headers: str) -> httpx.Response:
    """A call that the page's script makes."""
    page = await browser.get("/console/playground")
    token = re.search(r'<meta name="csrf" content="([0-9a-f]+)">', page.text)
    assert token is not None
    return await browser.post(path, json=body, headers={CSRF_HEADER: token[1], **headers})


async def explained(browser: httpx.AsyncClient, fields: object, **headers: str) -> httpx.Response:
    return await asked(browser, "/console/explain", {"path": "/v1/videos", "json": fields}, **headers)


def test_every_sentence_of_the_page_is_translated() -> None:
    folder = Path(pages.__file__).parent / "templates"
    sentences = [
        text
        for name in ("playground.html", "playground_parts.html")
        for text in re.findall(r"_\('((?:[^'\\]|\\.)*)'\)", (folder / name).read_text(encoding="utf-8"))
    ]
    assert len(sentences) > 100
    assert [text for text in sentences if text not in table("zh")] == []


@pytest.mark.parametrize(("language", "word"), [("en", "Playground"), ("zh-CN", "试用模型")])
async def test_the_page_speaks_the_readers_language(rooms: Rooms, language: str, word: str) -> None:
    answer = await rooms.holder.get("/console/playground", headers={"accept-language": language})
    assert answer.status_code == 200
    assert word in answer.text
    assert len(answer.content) < 100_000


async def test_a_holder_is_asked_for_no_key_and_an_operator_chooses_one_that_works(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    expired = replace(KEY, id="key_3", name="switched off", hash="3" * 64, enabled=False)
    async with gateway.database.write() as connection:
        await key_store.insert_one(connection, expired)
    await gateway.configuration.refresh()
    holder, operator = await rooms.holder.get("/console/playground"), await rooms.operator.get("/console/playground")
    assert 'id="f-key"' not in holder.text
    assert f'<option value="{KEY.id}"' in operator.text
    assert "switched off" not in operator.text


async def test_hostile_names_of_keys_are_text(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    async with changing(gateway.database) as connection:
        await key_store.update_one(connection, replace(KEY, name=HOSTILE))
    await gateway.configuration.refresh()
    answer = await rooms.operator.get("/console/playground")
    assert "&lt;img src=x onerror=alert(1)&gt;" in answer.text
    assert "<img src=x" not in answer.text
    assert "<script>alert" not in answer.text


async def test_an_earlier_job_fills_the_form(rooms: Rooms) -> None:
    job = await rooms.site.created(prompt=HOSTILE, seed=7)
    for browser in (rooms.holder, rooms.operator):
        answer = await browser.get("/console/playground", params={"job": job["id"]})
        start = start_of(answer)
        assert (start["model"], start["key"], start["request"]["prompt"], start["request"]["seed"]) == (
            *(VIDEO["model"], KEY.id),
            *(HOSTILE, 7),
        )
        assert "<script>alert" not in answer.text


async def test_another_keys_job_fills_nothing(rooms: Rooms) -> None:
    answer = await rooms.site.stranger.post("/v1/videos", json=VIDEO)
    found = await rooms.holder.get("/console/playground", params={"job": answer.json()["id"]})
    assert found.status_code == 404
    assert VIDEO["prompt"] not in found.text


@pytest.mark.parametrize("text", ["nothing", "\x00", "纸船", "%"])
async def test_an_id_that_no_job_has_is_404(shared_rooms: Rooms, text: str) -> None:
    assert (await shared_rooms.operator.get("/console/playground", params={"job": text})).status_code == 404


async def test_without_a_session_the_page_leads_to_the_sign_in(rooms: Rooms) -> None:
    answer = await rooms.nobody.get("/console/playground?model=sandbox-video")
    assert answer.headers["location"].startswith("/console/sign-in?next=/console/playground")


async def test_an_operator_sees_route_and_call(rooms: Rooms) -> None:
    found = (await explained(rooms.operator, VIDEO, **{AS_KEY_HEADER: KEY.id})).json()
    assert set(found) == {"request", "fitted", "warnings", "route", "call", "price"}
    assert found["call"]["url"].startswith(CHANNEL.base_url)


async def test_a_holder_sees_adjustments_and_price_and_nothing_of_vendors(rooms: Rooms) -> None:
    answer = await explained(rooms.holder, SANDBOX)
    found = answer.json()
    assert set(found) == {"request", "fitted", "warnings", "price"}
    assert [(one["code"], one["to"]) for one in found["warnings"]] == [("adjusted:duration", 30)]
    assert found["price"] == {"usd": "0.000000", "unit": "second", "unpriced": False}
    assert "sandbox://" not in answer.text


async def test_nothing_is_sent_and_nothing_is_stored(rooms: Rooms) -> None:
    await explained(rooms.holder, {**VIDEO, "first_frame_image": "https://pictures.example.com/boat.png"})
    assert rooms.site.vendor.requests == []
    assert await stored(rooms.site.gateway) == []


async def test_a_refusal_is_the_one_that_the_client_would_get(rooms: Rooms) -> None:
    fields = {**SANDBOX, "first_frame_image": "file:///etc/passwd"}
    refused = await explained(rooms.holder, fields)
    real = await rooms.site.client.post("/v1/videos", json=fields)
    assert refused.status_code == real.status_code == 400
    assert error_of(refused)["error"] == error_of(real)["error"]
    assert error_of(refused)["param"] == "first_frame_image"


async def test_an_operator_must_choose_a_key(rooms: Rooms) -> None:
    for headers in ({}, {AS_KEY_HEADER: "key_none"}):
        answer = await explained(rooms.operator, SANDBOX, **headers)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "key_not_chosen")


async def test_a_holder_cannot_ask_as_somebody_else(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    async with changing(gateway.database) as connection:
        await key_store.update_one(connection, replace(KEY, models=frozenset({"sandbox-video"})))
    await gateway.configuration.refresh()
    answer = await explained(rooms.holder, VIDEO, **{AS_KEY_HEADER: "key_2"})
    assert (answer.status_code, error_of(answer)["code"]) == (403, "model_not_allowed")


@pytest.mark.parametrize("path", ["/console/explain", "/console/snippets"])
async def test_a_forged_page_asks_nothing(rooms: Rooms, path: str) -> None:
    body = {"path": "/v1/videos", "json": SANDBOX}
    forged = await rooms.holder.post(path, json=body, headers={CSRF_HEADER: "0" * 24})
    assert (forged.status_code, error_of(forged)["code"]) == (403, "csrf_token_invalid")
    nobody = await rooms.nobody.post(path, json=body)
    assert (nobody.status_code, error_of(nobody)["code"]) == (401, "sign_in_needed")


@pytest.mark.parametrize(
    "body", [[], {"path": "/v1/videos"}, {"path": 1, "json": {}}, {"path": "/v1/videos", "json": {}, "more": 1}]
)
async def test_what_is_no_request_is_refused_with_json(shared_rooms: Rooms, body: object) -> None:
    answer = await asked(shared_rooms.holder, "/console/explain", body)
    assert answer.status_code == 400
    error_of(answer)


async def test_code_names_the_address_by_which_the_page_was_reached(rooms: Rooms) -> None:
    answer = await asked(rooms.holder, "/console/snippets", {"path": "/v1/videos", "json": SANDBOX})
    assert set(answer.json()) == {"curl", "python", "javascript"}
    assert answer.json()["curl"].startswith("curl http://gate.test/v1/videos ")


async def test_code_names_the_public_address_where_there_is_one(rooms: Rooms) -> None:
    rooms.site.gateway.settings = rooms.site.gateway.settings.model_copy(update={"public_url": "https://gate.example.com"})
    answer = await asked(rooms.holder, "/console/snippets", {"path": "/v1/videos", "json": SANDBOX})
    assert 'base_url="https://gate.example.com/v1"' in answer.json()["python"]

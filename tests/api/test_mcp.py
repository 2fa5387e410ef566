"""The tools of `/mcp`, in process: who may use them, and that they do what the HTTP API does."""

import asyncio
import base64
import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.mcp import MOST_BYTES
from app.api.mcp_jobs import MOST_PICTURE_BYTES
from tests.api.conftest import STRANGER, VIDEO, Site, client_of, error_of, site_on
from tests.api.vendor import PIXEL
from tests.gateways import CHANNEL, KEY, KEY_TEXT, ended, stored
from tests.listening import heeded

pytestmark = pytest.mark.anyio
ACCEPT = {"accept": "application/json, text/event-stream"}
NEWEST: dict[str, Any] = {"protocolVersion": "2026-07-28", "clientCapabilities": {}}
PICTURE: dict[str, Any] = {"model": "gpt-image-1.5", "prompt": "a paper boat"}
FILM: dict[str, Any] = {"model": "some-video-model", "prompt": "a paper boat", "seconds": 5, "size": "1280x720"}
REFUSED: list[dict[str, Any]] = [
    {"prompt": "a boat"},
    {**FILM, "seconds": "soon"},
    {**FILM, "seconds": float("nan")},
    {**FILM, "n": 11},
    {**FILM, "n": 10**400},
    {**FILM, "prompt": "x" * 40_000},
    {**FILM, "size": "wide"},
    {**FILM, "image_url": "ftp://example.com/a.png"},
    {**FILM, "image_url": "http://127.0.0.1/a.png"},
    {**FILM, "last_image_url": "data:image/png;base64,*"},
    {**FILM, "model": "gpt-image-1.5"},
]


@dataclass(slots=True)
class Answer:
    """What a tool answered."""

    result: dict[str, Any]

    @property
    def failed(self) -> bool:
        return bool(self.result["isError"])

    @property
    def text(self) -> str:
        return str(self.result["content"][0]["text"])

    @property
    def value(self) -> dict[str, Any]:
        found: dict[str, Any] = self.result["structuredContent"]
        return found


async def say(client: httpx.AsyncClient, method: str, params: Mapping[str, Any], **headers: str) -> httpx.Response:
    """One message."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await client.post("/mcp", content=json.dumps(message), headers={**ACCEPT, "content-type": "application/json", **headers})


def result_of(answer: httpx.Response) -> dict[str, Any]:
    """The result in an answer that is a stream of events."""
    assert answer.status_code == 200, answer.text
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    found: dict[str, Any] = events[-1].get("result", events[-1])
    return found


async def use(client: httpx.AsyncClient, tool: str, headers: Mapping[str, str] | None = None, **arguments: Any) -> Answer:
    """What a tool answers."""
    return Answer(result_of(await say(client, "tools/call", {"name": tool, "arguments": arguments}, **(headers or {}))))


async def say_newly(client: httpx.AsyncClient, tool: str, arguments: Mapping[str, Any]) -> Answer:
    """What a tool answers in the newest version of the protocol, which needs no stream of events."""
    about = {f"io.modelcontextprotocol/{name}": value for name, value in NEWEST.items()}
    headers = {"mcp-protocol-version": NEWEST["protocolVersion"], "mcp-method": "tools/call", "mcp-name": tool}
    answer = await say(client, "tools/call", {"name": tool, "arguments": arguments, "_meta": about}, **headers)
    assert answer.status_code == 200, answer.text
    return Answer({"isError": False, **answer.json()["result"]})


async def test_without_a_key_nothing_is_said_in_the_protocol(site: Site) -> None:
    async with client_of(site.app) as nobody, client_of(site.app, "sk-unknown") as unknown:
        missing = await say(nobody, "tools/list", {})
        wrong = await say(unknown, "initialize", {})
    assert (missing.status_code, error_of(missing)["code"]) == (401, "missing_api_key")
    assert (wrong.status_code, error_of(wrong)["code"]) == (401, "invalid_api_key")
    assert missing.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("limit", "status", "code"),
    [
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, 401, "invalid_api_key"),
        ({"enabled": False}, 401, "invalid_api_key"),
        ({"allowed_ips": ("192.0.2.0/24",)}, 403, "ip_not_allowed"),
    ],
)
async def test_a_key_opens_no_more_than_elsewhere(tmp_path: Path, limit: dict[str, Any], status: int, code: str) -> None:
    async with site_on(tmp_path, keys=(replace(KEY, **limit),)) as site:
        answer = await say(site.client, "tools/list", {})
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


@pytest.mark.parametrize("headers", [{"host": "evil.example.com"}, {"origin": "https://evil.example.com"}, {"host": "[::1"}])
async def test_a_host_or_origin_neither_opens_nor_closes_the_door(site: Site, headers: dict[str, str]) -> None:
    async with client_of(site.app) as nobody:
        assert (await say(nobody, "tools/list", {}, **headers)).status_code == 401
    assert (await say(site.client, "tools/list", {}, **headers)).status_code == 200


@pytest.mark.parametrize("headers", [{"api-key": KEY_TEXT}, {"x-api-key": KEY_TEXT}, {"authorization": KEY_TEXT}])
async def test_every_spelling_of_a_key_works_in_tools_too(site: Site, headers: dict[str, str]) -> None:
    async with client_of(site.app) as client:
        assert not (await use(client, "make_video", headers, **FILM)).failed


async def test_a_message_has_one_line_in_the_log_and_it_names_the_key(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await use(site.client, "list_models")
    lines = [(record.name, vars(record).get("key_id")) for record in caplog.records if record.name != "httpx"]
    assert lines == [("app.api.middleware", KEY.id)]


async def test_what_is_no_message_is_refused_in_the_usual_body(site: Site) -> None:
    form = await say(site.client, "tools/list", {}, **{"content-type": "text/plain"})
    deaf = await say(site.client, "tools/list", {}, accept="text/html")
    large = await site.client.post("/mcp", content=b" " * (MOST_BYTES + 1), headers=ACCEPT)
    seen = await site.client.get("/mcp", headers=ACCEPT)
    assert (form.status_code, error_of(form)["code"]) == (415, "unsupported_media_type")
    assert (deaf.status_code, error_of(deaf)["param"]) == (400, "Accept")
    assert (large.status_code, error_of(large)["code"]) == (413, "body_too_large")
    assert (seen.status_code, error_of(seen)["code"], seen.headers["allow"]) == (405, "method_not_allowed", "POST")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"jsonrpc": "2.0", "id": 1}', b"[" * 100_000, b'{"a": \xff}'])
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", "soon"])
async def test_what_is_no_protocol_is_an_error_of_the_protocol(shared_site: Site, body: bytes, version: str) -> None:
    headers = {**ACCEPT, "content-type": "application/json", "mcp-protocol-version": version}
    answer = await shared_site.client.post("/mcp", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["jsonrpc"] == "2.0"
    assert "message" in answer.json()["error"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("make_video", {"model": "m", "prompt": "\ud800"}),
        ("make_video", {"model": "m", "prompt": "x", "\ud800": 1}),
        ("make_video", {"model": "m", "prompt": "x", "idempotency_key": "\ud800"}),
        ("look_at_job", {"id": "\ud800"}),
        ("list_models", {"kind": "\ud800"}),
    ],
)
async def test_half_a_character_is_refused_by_the_tool(shared_site: Site, tool: str, arguments: dict[str, Any]) -> None:
    refused = await say_newly(shared_site.client, tool, arguments)
    assert refused.failed
    assert refused.value["type"] == "invalid_request_error"


async def test_tools_say_what_they_take_and_do(site: Site) -> None:
    tools = {tool["name"]: tool for tool in result_of(await say(site.client, "tools/list", {}))["tools"]}
    assert list(tools) == ["list_models", "make_image", "make_video", "look_at_job", "cancel_job"]
    assert [name for name, tool in tools.items() if tool["annotations"]["readOnlyHint"]] == ["list_models", "look_at_job"]
    assert [name for name, tool in tools.items() if tool["annotations"]["destructiveHint"]] == ["cancel_job"]
    for tool in tools.values():
        schema = tool["inputSchema"]
        assert schema["additionalProperties"] is False
        assert set(schema.get("required", ())) <= set(schema["properties"])
        assert all(rule["description"] and rule["type"] for rule in schema["properties"].values())
        assert len(tool["description"]) > 80


async def test_models_are_listed_with_what_they_can_do(site: Site) -> None:
    found = {model["model"]: model for model in (await use(site.client, "list_models", search="sandbox")).value["models"]}
    film = found["sandbox-video"]
    assert film["kind"] == "video"
    assert film["seconds"][:3] == [1, 2, 3]
    assert "1080p" in film["resolutions"]
    assert "16:9" in film["aspect_ratios"]
    assert film["inputs"]["first_frame"] == 1
    assert film["price"] == {"unit": "second", "usd": {"*": "0.000000"}}


async def test_models_are_found_by_kind_mode_and_name(site: Site) -> None:
    async def names(**arguments: Any) -> list[str]:
        return [model["model"] for model in (await use(site.client, "list_models", **arguments)).value["models"]]

    assert await names(kind="image", search="SANDBOX") == ["sandbox-image"]
    assert await names(mode="flf2v", search="sandbox") == ["sandbox-video"]
    assert await names(search="no such thing") == []


async def test_a_model_that_is_named_exactly_is_shown_whole(site: Site) -> None:
    found = (await use(site.client, "list_models", search="sandbox-video")).value["models"]
    assert len(found) == 1
    document = (await site.client.get("/v1/models/sandbox-video/capabilities")).json()
    assert found[0] == {"model": "sandbox-video", **{name: value for name, value in document.items() if value is not None}}


async def test_fifty_models_at_most_with_a_hint_and_only_the_keys_own(tmp_path: Path) -> None:
    many = replace(CHANNEL, models={f"film-{number:02}": "x" for number in range(60)})
    keys = (KEY, replace(STRANGER, models=frozenset({"film-07", "film-08"})))
    async with site_on(tmp_path, channels=(many,), keys=keys) as site:
        everything = (await use(site.client, "list_models")).value
        allowed = (await use(site.stranger, "list_models")).value
    assert (len(everything["models"]), everything["total"]) == (50, 60)
    assert "narrow" in everything["hint"]
    assert [model["model"] for model in allowed["models"]] == ["film-07", "film-08"]
    assert "hint" not in allowed


async def test_an_image_comes_as_link_and_picture(site: Site) -> None:
    made = await use(site.client, "make_image", **PICTURE)
    assert not made.failed
    assert made.value["status"] == "completed"
    assert json.loads(made.text) == made.value
    assert made.result["content"][1]["mimeType"] == "image/png"
    assert base64.b64decode(made.result["content"][1]["data"]) == PIXEL
    async with client_of(site.app) as browser:
        assert (await browser.get(made.value["images"][0]["url"])).content == PIXEL


@pytest.mark.parametrize("pictures", [[PIXEL, PIXEL], [PIXEL + bytes(MOST_PICTURE_BYTES)]], ids=["several", "large"])
async def test_several_or_large_images_are_links_only(site: Site, pictures: list[bytes]) -> None:
    site.studio.pictures = [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures]
    made = await use(site.client, "make_image", **PICTURE, n=len(pictures))
    assert len(made.value["images"]) == len(pictures)
    assert [block["type"] for block in made.result["content"]] == ["text"]


async def test_an_image_that_takes_long_is_a_job_to_look_at(site: Site) -> None:
    begun = asyncio.Event()
    go_on = asyncio.Event()
    studio = site.vendor.script

    async def slow(request: httpx.Request) -> httpx.Response:
        begun.set()
        await go_on.wait()
        answer = studio(request)
        assert isinstance(answer, httpx.Response)
        return answer

    site.vendor.script = slow
    made = await use(site.client, "make_image", **PICTURE, wait_seconds=0)
    await begun.wait()
    assert made.value["status"] in ("queued", "in_progress")
    assert made.value["look_again_in_seconds"] >= 1
    assert made.value["id"] in (await site.client.get(f"/v1/images/{made.value['id']}")).text
    looking = asyncio.create_task(use(site.client, "look_at_job", id=made.value["id"], wait_seconds=30))
    go_on.set()
    seen = await looking
    assert seen.value["status"] == "completed"
    assert [block["type"] for block in seen.result["content"]] == ["text", "image"]


async def test_a_video_is_the_job_that_the_same_request_over_http_makes(site: Site) -> None:
    made = (await use(site.client, "make_video", **FILM)).value
    await site.created()
    assert site.vendor.bodies[0] == site.vendor.bodies[1]
    shown = (await site.client.get(f"/v1/videos/{made['id']}")).json()
    assert shown["status"] == made["status"] == "queued"
    assert {name: made[name] for name in ("model", "progress", "reserved_usd")} == {
        name: shown[name] for name in ("model", "progress", "reserved_usd")
    }
    assert "look_at_job" in made["next"]


async def test_looking_waits_for_the_end_and_gives_the_link(site: Site) -> None:
    made = (await use(site.client, "make_video", **FILM)).value
    looking = asyncio.create_task(use(site.client, "look_at_job", id=made["id"], wait_seconds=60))
    site.studio.status = "completed"
    await ended(site.gateway, made["id"])
    seen = (await looking).value
    shown = (await site.client.get(f"/v1/videos/{made['id']}")).json()
    assert seen["status"] == "completed"
    assert (seen["url"], seen["cost_usd"], seen["seconds"]) == (shown["url"], shown["cost_usd"], shown["seconds"])


async def test_a_process_that_goes_away_says_how_far_the_job_is(site: Site) -> None:
    made = (await use(site.client, "make_video", **FILM)).value
    looking = asyncio.create_task(use(site.client, "look_at_job", id=made["id"], wait_seconds=60))
    await heeded(site.gateway.watching, made["id"])
    site.gateway.leave()
    seen = (await asyncio.wait_for(looking, 10)).value
    assert (seen["id"], seen["status"]) == (made["id"], "queued")
    assert "look_again_in_seconds" in seen


async def test_progress_is_told_to_who_asks_for_it(site: Site) -> None:
    made = (await use(site.client, "make_video", **FILM)).value
    params = {"name": "look_at_job", "arguments": {"id": made["id"], "wait_seconds": 60}, "_meta": {"progressToken": 7}}
    looking = asyncio.create_task(say(site.client, "tools/call", params))
    while not site.gateway.watching.heeded(made["id"]):  # noqa: ASYNC110 - else the job may have ended before anybody looks
        await asyncio.sleep(0)
    site.studio.status = "completed"
    await ended(site.gateway, made["id"])
    events = [json.loads(line[6:]) for line in (await looking).text.splitlines() if line.startswith("data: {")]
    told = [event["params"] for event in events if event.get("method") == "notifications/progress"]
    assert [one["progress"] for one in told] == [0, 100]
    assert told[-1] == {"progressToken": 7, "progress": 100, "total": 100, "message": f"{made['id']} is completed"}


async def test_liberties_are_reported_as_over_http(site: Site) -> None:
    wish: dict[str, Any] = {"model": "sandbox-video", "prompt": "a boat", "seconds": 31, "size": "128x72"}
    made = (await use(site.client, "make_video", **wish)).value
    assert [warning["code"] for warning in made["warnings"]] == ["adjusted:duration"]
    strict = await use(site.client, "make_video", {"x-filmgate-strict": "true"}, **wish)
    assert strict.failed


@pytest.mark.parametrize("wish", REFUSED, ids=lambda wish: str(wish)[:60])
async def test_a_refusal_has_the_message_and_the_code_of_the_http_api(shared_site: Site, wish: dict[str, Any]) -> None:
    refused = await use(shared_site.client, "make_video", **wish)
    over_http = error_of(
        await shared_site.client.post("/v1/videos", content=json.dumps(wish), headers={"content-type": "application/json"})
    )
    assert refused.failed
    assert refused.text.startswith(f"{over_http['message']} (code: {over_http['code']}")
    assert {**refused.value, "request_id": ""} == {**over_http, "request_id": ""}
    assert shared_site.vendor.requests == []


async def test_a_vendors_refusal_reaches_the_agent(site: Site) -> None:
    site.studio.refusal = httpx.Response(400, json={"error": {"message": "No boats.", "code": "moderation_blocked"}})
    film, picture = await use(site.client, "make_video", **FILM), await use(site.client, "make_image", **PICTURE)
    for refused in (film, picture):
        assert refused.failed
        assert "No boats." in refused.text
        assert "code: content_policy_violation" in refused.text
    assert picture.value["status"] == "failed"


async def test_a_job_that_fails_is_an_error_of_its_making_but_not_of_looking_at_it(site: Site) -> None:
    begun, studio = asyncio.Event(), site.studio

    def script(request: httpx.Request) -> httpx.Response | Exception:
        answer = studio(request)
        begun.set()
        studio.status, studio.error = "failed", {"code": "sad", "message": "It rained."}
        return answer

    site.vendor.script = script
    making = asyncio.create_task(use(site.client, "make_video", **FILM, wait_seconds=60))
    await begun.wait()
    job = (await stored(site.gateway))[0]
    await ended(site.gateway, job.id)
    made, seen = await making, await use(site.client, "look_at_job", id=job.id)
    assert made.failed
    assert made.text.startswith("It rained. (code: ")
    assert f"job: {job.id}" in made.text
    assert not seen.failed
    assert seen.value["error"]["message"] == "It rained."


@pytest.mark.parametrize(
    ("tool", "arguments", "param"),
    [
        ("make_video", {**FILM, "secs": 5}, "secs"),
        ("make_video", {**FILM, "stream": True}, "stream"),
        ("make_video", {**FILM, "wait_seconds": 61}, "wait_seconds"),
        ("make_video", {**FILM, "wait_seconds": "long"}, "wait_seconds"),
        ("make_video", {**FILM, "metadata": "{}"}, "metadata"),
        ("make_video", {**FILM, "idempotency_key": "é"}, "idempotency_key"),
        ("make_image", {**PICTURE, "wait_seconds": -1}, "wait_seconds"),
        ("look_at_job", {}, "id"),
        ("look_at_job", {"id": 7}, "id"),
        ("look_at_job", {"id": "' OR 1=1"}, "id"),
        ("cancel_job", {"id": "video_1", "now": True}, "now"),
        ("list_models", {"kind": "sound"}, "kind"),
        ("list_models", {"mode": ["t2v"]}, "mode"),
    ],
)
async def test_arguments_that_are_the_tools_own_are_checked(
    shared_site: Site, tool: str, arguments: dict[str, Any], param: str
) -> None:
    refused = await use(shared_site.client, tool, **arguments)
    assert refused.failed
    assert refused.value["param"] == param
    assert shared_site.vendor.requests == []


async def test_an_unknown_tool_is_an_error_of_the_protocol(site: Site) -> None:
    answer = result_of(await say(site.client, "tools/call", {"name": "drop_tables", "arguments": {}}))
    assert answer["error"]["code"] == -32602


async def test_metadata_can_change_the_work_but_not_the_form_of_the_answer(site: Site) -> None:
    metadata = {"stream": True, "response_format": "b64_json", "output_format": "webp"}
    made = await use(site.client, "make_image", **PICTURE, metadata=metadata)
    assert made.value["images"][0]["url"].startswith("http")
    assert site.vendor.bodies[0]["output_format"] == "webp"


@pytest.mark.parametrize("tool", ["look_at_job", "cancel_job"])
async def test_another_keys_job_does_not_exist(site: Site, tool: str) -> None:
    film, picture = await use(site.client, "make_video", **FILM), await use(site.client, "make_image", **PICTURE)
    for made in (film, picture):
        refused = await use(site.stranger, tool, id=made.value["id"])
        assert refused.failed
        assert refused.value["code"] == "task_not_exist"
    assert (await site.client.get(f"/v1/videos/{film.value['id']}")).json()["status"] == "queued"


async def test_a_cancelled_job_is_cancelled_once(site: Site) -> None:
    made = (await use(site.client, "make_video", model="sandbox-video", prompt="x", metadata={"sandbox": {"delay": 60}})).value
    stopped, again = await use(site.client, "cancel_job", id=made["id"]), await use(site.client, "cancel_job", id=made["id"])
    assert not stopped.failed
    assert (stopped.value["status"], stopped.value["error"]["code"]) == ("failed", "cancelled")
    assert again.failed
    assert again.value["code"] == "already_finished"


async def test_only_calls_that_spend_count_against_a_rate(tmp_path: Path) -> None:
    async with site_on(tmp_path, keys=(replace(KEY, rpm=2),)) as site:
        first, second = await use(site.client, "make_video", **FILM), await use(site.client, "make_image", **PICTURE)
        third = await use(site.client, "make_video", **FILM)
        seen = await use(site.client, "look_at_job", id=first.value["id"])
        over_http = await site.client.post("/v1/videos", json=VIDEO)
    assert [first.failed, second.failed, third.failed, seen.failed] == [False, False, True, False]
    assert third.value["code"] == "rate_limit_exceeded"
    assert over_http.status_code == 429


async def test_a_budget_holds_for_tools_too(tmp_path: Path) -> None:
    priced = replace(CHANNEL, prices={"some-video-model": {"unit": "job", "usd": "0.25"}})
    async with site_on(tmp_path, channels=(priced,), keys=(replace(KEY, budget=400_000),)) as site:
        first, second = await use(site.client, "make_video", **FILM), await use(site.client, "make_video", **FILM)
    assert first.value["reserved_usd"] == "0.250000"
    assert second.value["code"] == "insufficient_quota"


async def test_a_name_gives_the_first_job_again(site: Site) -> None:
    first = await use(site.client, "make_video", **FILM, idempotency_key="boat 1")
    again = await use(site.client, "make_video", **FILM, idempotency_key="boat 1", wait_seconds=0)
    other = await use(site.client, "make_video", **{**FILM, "seconds": 8}, idempotency_key="boat 1")
    alone = await use(site.client, "make_video", **FILM)
    assert again.value["id"] == first.value["id"] != alone.value["id"]
    assert other.value["code"] == "idempotency_key_reused"
    assert site.vendor.creates() == 2


async def test_headers_of_the_message_do_not_name_the_work_in_it(site: Site) -> None:
    named = {"idempotency-key": "transport", "x-stainless-retry-count": "1"}
    first, second = [await use(site.client, "make_video", named, **FILM) for _ in range(2)]
    assert first.value["id"] != second.value["id"]


async def test_links_stand_under_the_name_by_which_the_agent_knows_us(site: Site) -> None:
    made = await use(site.client, "make_image", {"host": "gate.test:8443"}, **PICTURE)
    assert made.value["images"][0]["url"].startswith("http://gate.test:8443/files/")


async def test_a_fault_of_ours_shows_nothing_of_itself(site: Site) -> None:
    planner, site.gateway.planner = site.gateway.planner, None  # type: ignore[assignment]  # the fault
    refused = await use(site.client, "make_video", **FILM)
    site.gateway.planner = planner
    assert refused.failed
    assert refused.value["code"] == "internal_error"
    assert "NoneType" not in refused.text


def test_the_sdk_is_not_loaded_before_somebody_asks_for_it() -> None:
    script = "import sys, app.main; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

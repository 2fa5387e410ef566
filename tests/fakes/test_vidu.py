"""Holds the fake to what the vendor publishes: its signature example, its answers, its refusals. It has no official client."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from tests.fakes.ark_media import tiny_mp4
from tests.fakes.vidu import FakeVidu
from tests.fakes.vidu_callbacks import headers_of, signature, signed_text

pytestmark = pytest.mark.anyio

BOAT = {"model": "viduq3-turbo", "prompt": "paper boat drifts to shore"}
PICTURE = "https://cdn.example/a.png"


@pytest.fixture
def fake() -> FakeVidu:
    return FakeVidu(now=lambda: 1_767_225_600.0)


@pytest.fixture
async def client(fake: FakeVidu) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(fake.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://vidu.invalid", headers={"Authorization": "Token test-key"}
    ) as made:
        yield made


async def created(client: httpx.AsyncClient, way: str = "text2video", **fields: Any) -> str:
    answer = await client.post(f"/ent/v2/{way}", json={**BOAT, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task_id"])


async def polled(client: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get(f"/ent/v2/tasks/{task_id}/creations")).json()
    return answer


def test_a_callback_is_signed_as_in_the_published_example() -> None:
    date, nonce = "Thu, 01 Jan 2026 00:00:00 GMT", "5b1f0f1e-0000-4000-8000-000000000001"
    text = signed_text("POST", "https://gw.example/hooks/vidu?task=42&ch=7", date, nonce)

    assert text == f"POST\n/hooks/vidu\ntask=42&ch=7\nvidu\n{date}\nDate:{date}\nx-request-nonce:{nonce}\n"
    assert signature("vda_demo_0123456789", text) == "CaEiz+KuP4kCNw9RtCwotLvrzr03roZrrcyg7p9voo4="
    assert headers_of("k", "https://gw.example", 1_767_225_600, nonce)["Date"] == date
    assert signed_text("POST", "https://gw.example", date, nonce).startswith("POST\n/\n\nvidu\n")


async def test_a_create_tells_the_parameters_as_they_will_be_applied(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/ent/v2/img2video", json={**BOAT, "images": [PICTURE], "payload": "gw_01HZX"})).json()

    assert (
        answer.items()
        >= {
            "task_id": "990000000000000",
            "state": "created",
            "model": "viduq3-turbo",
            "images": [PICTURE],
            "duration": 5,
            "resolution": "720p",
            "audio": True,
            "payload": "gw_01HZX",
            "credits": 40,
            "created_at": "2026-01-01T00:00:00.968916123Z",
        }.items()
    )


async def test_a_task_is_walked_to_its_result(client: httpx.AsyncClient) -> None:
    task_id = await created(client)

    answers = [await polled(client, task_id) for _ in range(3)]

    assert [answer["state"] for answer in answers] == ["queueing", "processing", "success"]
    assert [answer.get("progress") for answer in answers] == [None, 37, 100]
    assert (await client.get(answers[2]["creations"][0]["url"])).content == tiny_mp4()


@pytest.mark.parametrize(
    ("way", "body", "reason", "message"),
    [
        ("text2video", {"model": "viduq3"}, "FieldInvalid", "invalid field: model"),
        ("text2video", {"prompt": ""}, "FieldLacking", "lacking field: prompt"),
        ("text2video", {"prompt": "x" * 5001}, "FieldInvalid", "invalid field: prompt"),
        ("text2video", {"duration": 17}, "FieldInvalid", "invalid field: duration"),
        ("text2video", {"duration": "5"}, "FieldInvalid", "invalid field: duration"),
        ("text2video", {"resolution": "720P"}, "FieldInvalid", "invalid field: resolution"),
        ("text2video", {"aspect_ratio": "21:9"}, "FieldInvalid", "invalid field: aspect_ratio"),
        ("text2video", {"images": [PICTURE]}, "FieldUnwanted", "unwanted field: images"),
        ("text2video", {"off_peak": True, "audio": False}, "FieldInvalid", "invalid field: off_peak"),
        ("text2video", {"model": "viduq2", "audio": True}, "FieldUnwanted", "unwanted field: audio"),
        ("img2video", {}, "FieldLacking", "lacking field: images"),
        ("img2video", {"images": [PICTURE], "aspect_ratio": "16:9"}, "FieldUnwanted", "unwanted field: aspect_ratio"),
        ("img2video", {"images": ["iVBORw0KGgo="]}, "ImageFormatInvalid", "cannot read an item of field: images"),
        ("img2video", {"images": ["data:image/png;base64,é"]}, "ImageFormatInvalid", "cannot read an item of field: images"),
        (
            "img2video",
            {"model": "viduq3-pro-fast", "images": [PICTURE], "resolution": "540p"},
            "FieldInvalid",
            "invalid field: resolution",
        ),
        (
            "img2video",
            {"model": "vidu2.0", "images": [PICTURE], "duration": 8, "resolution": "1080p"},
            "FieldInvalid",
            "invalid field: resolution",
        ),
        (
            "start-end2video",
            {"images": [PICTURE]},
            "FieldItemCountOutOfRange",
            "wrong number of items in field: images",
        ),
        ("reference2video", {"images": [PICTURE], "duration": 2}, "FieldInvalid", "invalid field: duration"),
        ("reference2video", {"images": [PICTURE], "videos": [PICTURE]}, "FieldUnwanted", "unwanted field: videos"),
        ("reference2video", {"subjects": [{"images": [PICTURE]}]}, "FieldLacking", "lacking field: subjects"),
        ("extend", {"model": "viduq2-pro"}, "FieldLacking", "lacking field: video_creation_id"),
        ("extend", {"model": "viduq2-pro", "video_creation_id": "1"}, "CreationNotFound", "creation not found"),
        ("reference2image", {"model": "viduq1"}, "FieldLacking", "lacking field: images"),
        ("reference2image", {"model": "viduq2", "resolution": "2k"}, "FieldInvalid", "invalid field: resolution"),
        ("reference2image", {"model": "viduq2", "aspect_ratio": "auto"}, "FieldInvalid", "invalid field: aspect_ratio"),
    ],
)
async def test_what_the_tables_rule_out_is_refused_in_the_published_envelope(
    client: httpx.AsyncClient, fake: FakeVidu, way: str, body: Mapping[str, Any], reason: str, message: str
) -> None:
    answer = await client.post(f"/ent/v2/{way}", json={**BOAT, **body})

    envelope = answer.json()
    assert (envelope["reason"], envelope["message"]) == (reason, message)
    assert (envelope["code"], list(envelope["metadata"])) == (answer.status_code, ["trace_id"])
    assert fake.creates == 0


@pytest.mark.parametrize(
    ("prompt", "status", "reason"),
    [
        ("x [[refuse:400:AuditSubmitIllegal]]", 400, "AuditSubmitIllegal"),
        ("x [[429:1]]", 429, "TooManyRequests"),
        ("x [[lost]]", 500, "InternalServiceFailure"),
    ],
)
async def test_words_in_a_prompt_steer_the_create(client: httpx.AsyncClient, prompt: str, status: int, reason: str) -> None:
    answer = await client.post("/ent/v2/text2video", json={**BOAT, "prompt": prompt})

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_an_account_has_a_width_and_a_depth(client: httpx.AsyncClient, fake: FakeVidu) -> None:
    fake.concurrency = 1
    await created(client)
    busy = await client.post("/ent/v2/text2video", json=BOAT)
    fake.concurrency, fake.credits = 2, 39
    poor = await client.post("/ent/v2/text2video", json=BOAT)

    assert (busy.status_code, busy.json()["reason"]) == (429, "QuotaExceeded")
    assert (poor.status_code, poor.json()["reason"]) == (400, "CreditInsufficient")


async def test_only_a_waiting_task_is_cancelled(client: httpx.AsyncClient) -> None:
    waiting, running = await created(client), await created(client)
    for _ in range(2):
        await polled(client, running)

    taken_back = await client.post(f"/ent/v2/tasks/{waiting}/cancel", json={"id": waiting})
    late = await client.post(f"/ent/v2/tasks/{running}/cancel", json={"id": running})

    assert (taken_back.status_code, taken_back.json()) == (200, {})
    assert (await polled(client, waiting)).items() >= {"state": "failed", "err_code": "UserCancelled", "credits": 0}.items()
    assert (late.status_code, late.json()["message"]) == (400, "task state is scheduled, can not cancel")


async def test_ids_are_numbers_and_strangers_are_turned_away(client: httpx.AsyncClient) -> None:
    assert (await client.get("/ent/v2/tasks/0/creations")).json()["reason"] == "TaskNotFound"
    assert (await client.get("/ent/v2/tasks/abc/creations")).status_code == 400
    stranger = await client.get("/ent/v2/tasks/abc/creations", headers={"Authorization": "Bearer test-key"})
    assert (stranger.status_code, stranger.json()["reason"]) == (401, "Unauthorized")


async def test_a_list_shows_the_newest_first_and_no_payload(client: httpx.AsyncClient) -> None:
    first, second = await created(client, payload="mine"), await created(client, payload="mine")

    page = (await client.get("/ent/v2/tasks", params={"pager.pagesz": "1"})).json()
    rest = (await client.get("/ent/v2/tasks", params={"pager.pagesz": "1", "pager.page": "1"})).json()

    assert [task["id"] for task in (*page["tasks"], *rest["tasks"])] == [second, first]
    assert "payload" not in page["tasks"][0]
    assert (await client.get("/ent/v2/tasks", params={"pager.pagesz": "101"})).json()["reason"] == "PageSizeOutOfRange"


async def test_a_link_dies_after_a_day_and_the_next_question_brings_a_new_one(client: httpx.AsyncClient, fake: FakeVidu) -> None:
    task_id = await created(client)
    url = [await polled(client, task_id) for _ in range(3)][2]["creations"][0]["url"]
    fake.now = lambda: 1_767_225_600.0 + 86_401

    assert (await client.get(url)).status_code == 403
    assert (await client.get((await polled(client, task_id))["creations"][0]["url"])).status_code == 200


async def test_final_states_are_called_back_three_times_until_somebody_listens(client: httpx.AsyncClient, fake: FakeVidu) -> None:
    heard: list[tuple[str, str]] = []

    async def deaf(url: str, headers: Mapping[str, str], body: bytes) -> int:
        text = signed_text("POST", url, headers["Date"], headers["x-request-nonce"])
        assert headers["X-HMAC-SIGNATURE"] == signature("test-key", text)
        heard.append((url, body.decode().partition('"state": "')[2].partition('"')[0]))
        return 503

    fake.deliver = deaf
    task_id = await created(client, callback_url="https://gw.example/hooks?t=1")
    for _ in range(4):
        await polled(client, task_id)

    assert heard == [("https://gw.example/hooks?t=1", state) for state in ("processing", "success", "success", "success")]


async def test_a_listener_is_told_once(client: httpx.AsyncClient, fake: FakeVidu) -> None:
    heard: list[str] = []

    async def listener(url: str, headers: Mapping[str, str], body: bytes) -> int:
        heard.append(url)
        return 200

    fake.deliver = listener
    task_id = await created(client, prompt="x [[fail:CreationPolicyViolation]]", callback_url="https://gw.example/hooks")
    for _ in range(4):
        await polled(client, task_id)

    assert len(heard) == 2

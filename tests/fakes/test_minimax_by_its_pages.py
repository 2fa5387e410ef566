"""The fake MiniMax against the vendor's published examples: the official client cannot be had as a library."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from tests.fakes.ark_media import tiny_jpeg, tiny_mp4
from tests.fakes.minimax import FIRST_FILE, FakeMiniMax

pytestmark = pytest.mark.anyio

KEY = {"authorization": "Bearer test-key"}
FILM = {"model": "MiniMax-Hailuo-2.3", "prompt": "a paper boat"}
TASK: Mapping[str, Any] = {
    "model": "MiniMax-H3",
    "content": [{"type": "text", "text": "a paper boat"}],
    "resolution": "768P",
    "duration": 5,
    "ratio": "16:9",
}
FIRST = {"type": "image_url", "image_url": {"url": "https://media.example.com/a.png"}, "role": "first_frame"}
REFERENCE = {**FIRST, "role": "reference_image"}


@pytest.fixture
def clock() -> list[float]:
    return [1_795_300_000.0]


@pytest.fixture
def fake(clock: list[float]) -> FakeMiniMax:
    return FakeMiniMax(now=lambda: clock[0])


@pytest.fixture
async def client(fake: FakeMiniMax) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(fake.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://minimax.invalid", headers=KEY) as client:
        yield client


async def _base(client: httpx.AsyncClient, **body: Any) -> int:
    """The number in `base_resp` of a film's create, which the official client demands in every answer."""
    answer = await client.post("/v1/video_generation", json=body)
    assert answer.headers["trace-id"]
    assert answer.status_code == 200
    number: int = answer.json()["base_resp"]["status_code"]
    return number


async def test_a_film_takes_three_steps(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/video_generation", json=FILM)).json()
    assert made["base_resp"] == {"status_code": 0, "status_msg": "success"}
    words = []
    for _ in range(4):
        shown = (await client.get("/v1/query/video_generation", params={"task_id": made["task_id"]})).json()
        words.append((shown["status"], shown["file_id"]))
    retrieved = (await client.get("/v1/files/retrieve", params={"file_id": shown["file_id"]})).json()

    assert words == [("Preparing", ""), ("Queueing", ""), ("Processing", ""), ("Success", str(FIRST_FILE))]
    assert retrieved["file"]["file_id"] == FIRST_FILE
    assert int(float(FIRST_FILE)) != FIRST_FILE
    assert (await client.get(retrieved["file"]["download_url"])).content == tiny_mp4()


async def test_links_die_after_an_hour_and_a_new_one_is_given(client: httpx.AsyncClient, clock: list[float]) -> None:
    await client.post("/v1/video_generation", json=FILM)
    ask = {"file_id": str(FIRST_FILE)}
    link = (await client.get("/v1/files/retrieve", params=ask)).json()["file"]["download_url"]
    clock[0] += 3_601

    assert (await client.get(link)).status_code == 403
    assert (await client.get(link.replace("Expires=3600&", ""))).status_code == 403
    renewed = (await client.get("/v1/files/retrieve", params=ask)).json()["file"]["download_url"]
    assert (await client.get(renewed)).status_code == 200


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (FILM, 0),
        ({**FILM, "duration": 10, "resolution": "1080P"}, 2013),
        ({**FILM, "resolution": "512P"}, 2013),
        ({**FILM, "model": "video-01"}, 2013),
        ({**FILM, "ratio": "16:9"}, 2013),
        ({**FILM, "seed": 1}, 2013),
        ({**FILM, "aigc_watermark": True}, 2013),
        ({**FILM, "prompt_optimizer": "true"}, 2013),
        ({**FILM, "prompt": "x" * 2001}, 2013),
        ({**FILM, "last_frame_image": "https://media.example.com/a.png"}, 2013),
        ({**FILM, "first_frame_image": "asset://a"}, 2013),
        ({**FILM, "first_frame_image": "data:image/png;base64,#"}, 2013),
        ({"model": "S2V-01", "subject_reference": [{"type": "character", "image_file": "https://media.example.com/a.png"}]}, 2013),
        ({"model": "S2V-01", "subject_reference": [{"type": "character", "image": "https://media.example.com/a.png"}]}, 2013),
        ({"model": "S2V-01", "subject_reference": [{"type": "character", "image": ["https://media.example.com/a.png"]}]}, 0),
        ({"model": "MiniMax-Hailuo-2.3"}, 2013),
        ({**FILM, "prompt": "[[refuse:402:1008]]"}, 1008),
        ({**FILM, "prompt": "[[429:1]]"}, 1002),
    ],
    ids=str,
)
async def test_a_films_complaint_hides_under_http_200(client: httpx.AsyncClient, body: dict[str, Any], number: int) -> None:
    assert await _base(client, **body) == number


async def test_a_wrong_key_differs_by_protocol(client: httpx.AsyncClient) -> None:
    client.headers["authorization"] = "Bearer another"
    old, new = await client.post("/v1/video_generation", json=FILM), await client.post("/v2/video_generation", json=TASK)

    assert (old.status_code, old.json()["base_resp"]["status_code"]) == (200, 2049)
    assert (new.status_code, new.json()["error"]["type"]) == (401, "authorized_error")


async def test_a_task_carries_its_link(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v2/video_generation", json=TASK)).json()
    shown = [(await client.get(f"/v2/query/video_generation/{made['task_id']}")).json()["task"] for _ in range(3)]

    assert set(made) == {"task_id"}
    assert [task["status"] for task in shown] == ["queued", "running", "succeeded"]
    assert shown[2]["usage"]["output_seconds"] == 5
    assert (await client.get(shown[2]["content"]["url"])).content == tiny_mp4()


@pytest.mark.parametrize(
    "change",
    [
        {"ratio": None},
        {"ratio": "adaptive"},
        {"duration": 3},
        {"duration": "5"},
        {"resolution": "1080P"},
        {"prompt_optimizer": True},
        {"extra": {"prompt_expansion_mode": "quality"}},
        {"model": "MiniMax-H3-Max", "extra": {"seed": 1}},
        {"content": []},
        {"content": [*TASK["content"], FIRST, REFERENCE]},
        {"content": [*TASK["content"], {**FIRST, "role": "last_frame"}]},
        {"content": [*TASK["content"], *[REFERENCE] * 10]},
        {"content": [*TASK["content"], {**FIRST, "role": "subject"}]},
        {"content": [*TASK["content"], {**FIRST, "type": "audio"}]},
        {"content": "a paper boat"},
    ],
    ids=str,
)
async def test_a_wrong_task_is_refused_by_its_status(client: httpx.AsyncClient, change: Mapping[str, Any]) -> None:
    body = {name: value for name, value in {**TASK, **change}.items() if value is not None}
    answer = await client.post("/v2/video_generation", json=body)

    assert (answer.status_code, answer.json()["error"]["http_code"]) == (400, "400")
    assert answer.json()["error"]["message"].endswith("(2013)")


async def test_tasks_are_kept_for_a_week_and_unknown_ones_are_a_500(client: httpx.AsyncClient, clock: list[float]) -> None:
    made = (await client.post("/v2/video_generation", json=TASK)).json()
    clock[0] += 7 * 86_400 + 1
    late = await client.get(f"/v2/query/video_generation/{made['task_id']}")
    never = await client.get("/v2/query/video_generation/v2_00")

    assert (late.status_code, late.json()["error"]["message"]) == (400, "invalid task_id (2013)")
    assert (never.status_code, never.json()["error"]["message"]) == (500, "record not found (1000)")


async def test_a_delete_cancels_refuses_or_removes(client: httpx.AsyncClient) -> None:
    path = f"/v2/video_generation/{(await client.post('/v2/video_generation', json=TASK)).json()['task_id']}"
    other = f"/v2/video_generation/{(await client.post('/v2/video_generation', json=TASK)).json()['task_id']}"
    queued = (await client.delete(path)).json()
    for _ in range(2):
        await client.get(other.replace("/v2/", "/v2/query/"))
    running = await client.delete(other)
    await client.get(other.replace("/v2/", "/v2/query/"))
    done = (await client.delete(other)).json()

    assert (queued["action"], running.status_code, done["action"]) == ("cancelled", 400, "deleted")


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({}, 0),
        ({"width": 1000, "height": 1000}, 0),
        ({"width": 1000}, 2013),
        ({"width": 1001, "height": 1000}, 2013),
        ({"width": 2056, "height": 512}, 2013),
        ({"aspect_ratio": "5:4"}, 2013),
        ({"n": 10}, 2013),
        ({"response_format": "b64_json"}, 2013),
        ({"subject_reference": [{"type": "character", "image": "https://media.example.com/a.png"}]}, 2013),
        ({"subject_reference": [{"type": "character", "image_file": "https://media.example.com/a.png"}]}, 0),
        ({"model": "image-01-live"}, 2013),
        ({"style": {"style_type": "水彩"}}, 2013),
        ({"prompt": "[[fail:1026]]"}, 1026),
    ],
    ids=str,
)
async def test_a_picture_is_drawn_or_complained_of(client: httpx.AsyncClient, change: Mapping[str, Any], number: int) -> None:
    answer = await client.post("/v1/image_generation", json={"model": "image-01", "prompt": "a kite", **change})

    assert answer.json()["base_resp"]["status_code"] == number


async def test_withheld_pictures_are_only_counted(client: httpx.AsyncClient) -> None:
    body = {"model": "image-01", "prompt": "kites [[mixed]]", "n": 3}
    answer = (await client.post("/v1/image_generation", json=body)).json()

    assert answer["metadata"] == {"success_count": "2", "failed_count": "1"}
    assert (await client.get(answer["data"]["image_urls"][1])).content == tiny_jpeg()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"size": "auto"}, 200),
        ({"size": "2K"}, 400),
        ({"size": "4096x1024"}, 400),
        ({"n": 11}, 400),
        ({"quality": "high"}, 400),
        ({"model": "image-01"}, 400),
        ({"prompt": ""}, 400),
    ],
    ids=str,
)
async def test_h3_draws_in_openais_shape(client: httpx.AsyncClient, change: Mapping[str, Any], status: int) -> None:
    answer = await client.post("/v1/images/generations", json={"model": "MiniMax-H3-Image", "prompt": "a kite", **change})

    assert answer.status_code == status


@pytest.mark.parametrize("content", [b"no json", b"[]"])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/v1/video_generation", content=content)

    assert json.loads(answer.content)["base_resp"]["status_code"] == 2013

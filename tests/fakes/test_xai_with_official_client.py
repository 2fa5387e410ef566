"""Proves the fake of xAI. No official client speaks its REST interface (xAI's own SDK is gRPC), save OpenAI's for pictures.

So pictures are made with OpenAI's Python SDK, and videos by the calls and answers that xAI and its users publish.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from tests.fakes.ark_media import tiny_mp4
from tests.fakes.xai import FakeXai
from tests.servers import serve

pytestmark = pytest.mark.anyio

BASE: dict[str, Any] = {"model": "grok-imagine-video", "prompt": "a lantern"}
CURRENT: dict[str, Any] = {"model": "grok-imagine-video-1.5", "prompt": "a lantern"}
LINK = {"url": "https://img.example.com/a.png"}


@pytest.fixture
def fake() -> FakeXai:
    return FakeXai()


@pytest.fixture
async def address(fake: FakeXai) -> AsyncIterator[str]:
    async with serve(fake.app) as base_url:
        yield base_url


@pytest.fixture
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": "Bearer test-key"}) as http:
        yield http


async def test_pictures_are_made_with_openais_sdk(address: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="test-key", max_retries=0) as sdk:
        made = await sdk.images.generate(prompt="p", model="grok-imagine-image-2.0", n=2, extra_body={"aspect_ratio": "20:9"})
        assert [bool(picture.url) for picture in made.data or ()] == [True, True]
        with pytest.raises(openai.BadRequestError) as refusal:
            await sdk.images.generate(prompt="p", model="grok-imagine-image-2.0", size="1024x1024")
        assert refusal.value.body == "Argument not supported: size"
        with pytest.raises(openai.APIStatusError) as multipart:
            await sdk.images.edit(prompt="p", model="grok-imagine-image-2.0", image=("a.png", b"x", "image/png"))
        assert multipart.value.status_code == 415


async def test_a_wrong_key_is_a_400_and_none_is_a_401(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as http:
        wrong = await http.get("/v1/models", headers={"Authorization": "Bearer xai-wrong"})
        assert (wrong.status_code, wrong.json()["error"]) == (400, "Incorrect API key provided: xa***ng.")
        assert (await http.get("/v1/models")).status_code == 401


async def test_a_video_goes_its_published_way(client: httpx.AsyncClient, address: str) -> None:
    made = (await client.post("/v1/videos/generations", json={**BASE, "duration": 6})).json()
    answers = [await client.get(f"/v1/videos/{made['request_id']}") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 200]
    assert answers[0].json() == {"status": "pending", "progress": 20}
    assert answers[1].content == b""
    done = answers[3].json()
    assert (done["status"], done["video"]["duration"], done["video"]["respect_moderation"]) == ("done", 6, True)
    async with httpx.AsyncClient() as stranger:
        assert (await stranger.get(done["video"]["url"])).content == tiny_mp4()
    assert (await client.get(done["video"]["url"])).status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("generations", {**CURRENT, "image": LINK, "last_frame": {"file_id": "file_1"}, "resolution": "1080p", "prompt": ""}),
        ("generations", {**CURRENT, "image": LINK, "reference_images": [LINK]}),
        ("generations", {**BASE, "reference_images": [LINK] * 7, "aspect_ratio": "2:3", "generate_audio": False}),
        ("edits", {**BASE, "video": {"url": "data:video/mp4;base64,AAAA"}, "user": "u"}),
        ("extensions", {**BASE, "video": LINK, "duration": 10}),
    ],
)
async def test_what_the_pages_show_is_taken(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    assert (await client.post(f"/v1/videos/{path}", json=body)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("generations", {"model": "grok-imagine-video"}, 422),
        ("generations", {**BASE, "image": "https://img.example.com/a.png"}, 422),
        ("generations", {**BASE, "image": {}}, 422),
        ("generations", {**BASE, "duration": "8"}, 422),
        ("generations", {**BASE, "duration": 16}, 400),
        ("generations", {**BASE, "resolution": "1080p"}, 400),
        ("generations", {**BASE, "resolution": "720P"}, 400),
        ("generations", {**BASE, "aspect_ratio": "auto"}, 400),
        ("generations", {**BASE, "image": LINK, "reference_images": [LINK]}, 400),
        ("generations", {**BASE, "reference_images": [LINK] * 8}, 400),
        ("generations", {**BASE, "last_frame": LINK}, 400),
        ("generations", {**BASE, "seed": 1}, 400),
        ("generations", {**BASE, "prompt": ""}, 400),
        ("generations", {**BASE, "generate_audio": "no"}, 422),
        ("generations", {**BASE, "storage_options": "x"}, 422),
        ("generations", {**CURRENT, "reference_images": [LINK], "resolution": "1080p"}, 400),
        ("generations", {**CURRENT, "model": "grok-imagine-video-1.5-lite", "reference_images": [LINK]}, 400),
        ("generations", {**CURRENT, "reference_audios": ["eve"]}, 422),
        ("generations", {**CURRENT, "image": {"url": "ftp://x"}}, 400),
        ("generations", {**CURRENT, "model": "grok-video-3"}, 404),
        ("edits", {**CURRENT, "video": LINK}, 400),
        ("edits", {**BASE, "video": LINK, "duration": 5}, 400),
        ("edits", {**BASE, "prompt": "", "video": LINK}, 400),
        ("extensions", {**BASE, "video": LINK, "duration": 1}, 400),
        ("extensions", {**BASE, "duration": 5}, 422),
        ("generations", [1], 422),
    ],
)
async def test_what_is_wrong_is_refused(client: httpx.AsyncClient, fake: FakeXai, path: str, body: object, status: int) -> None:
    answer = await client.post(f"/v1/videos/{path}", json=body)
    assert (answer.status_code, fake.creates) == (status, 0)


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        ("generations", {"aspect_ratio": "19.5:9", "resolution": "2k", "quality": "low", "n": 10}, 200),
        ("generations", {"quality": "high"}, 400),
        ("generations", {"resolution": "1K"}, 400),
        ("generations", {"n": 11}, 400),
        ("generations", {"prompt": ""}, 400),
        ("generations", {"model": "grok-imagine-image-9"}, 404),
        ("edits", {"image": {**LINK, "type": "image_url"}}, 200),
        ("edits", {"images": [{**LINK, "type": "image_url"}, {"file_id": "file_1"}], "aspect_ratio": "1:1"}, 200),
        ("edits", {"image": LINK}, 422),
        ("edits", {"image": {**LINK, "type": "image_url"}, "aspect_ratio": "1:1"}, 400),
        ("edits", {"images": [{"file_id": "file_1"}]}, 400),
        ("edits", {"images": [{"file_id": "file_1"}] * 4}, 400),
        ("edits", {}, 400),
    ],
)
async def test_pictures_keep_the_pages_rules(client: httpx.AsyncClient, path: str, change: dict[str, Any], status: int) -> None:
    body = {"model": "grok-imagine-image-2.0", "prompt": "p", **change}
    assert (await client.post(f"/v1/images/{path}", json=body)).status_code == status


async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    assert (await client.post("/v1/videos/generations", content=b"{", headers=headers)).status_code == 422
    assert (await client.post("/v1/videos/generations", content=b"{}")).status_code == 415

"""Holds the fake against what the vendor's pages and its SDK are known to send and expect.

The official client has a test of its own.
"""

from typing import Any

import httpx
import pytest

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.dashscope import FakeDashScope

pytestmark = pytest.mark.anyio

VIDEO = "/api/v1/services/aigc/video-generation/video-synthesis"
FRAMES = "/api/v1/services/aigc/image2video/video-synthesis"
AT_ONCE = "/api/v1/services/aigc/multimodal-generation/generation"
AS_TASK = "/api/v1/services/aigc/image-generation/generation"
PROMPT_STYLE = "/api/v1/services/aigc/text2image/image-synthesis"
EDIT_STYLE = "/api/v1/services/aigc/image2image/image-synthesis"
ASYNC = {"X-DashScope-Async": "enable"}
FRAME = {"type": "first_frame", "url": "https://example.com/a.png"}
HORSE = {
    "model": "happyhorse-1.0-t2v",
    "input": {"prompt": "a cat"},
    "parameters": {"resolution": "720P", "ratio": "16:9", "duration": 5},
}
CUP = {
    "model": "qwen-image-edit-plus",
    "input": {"messages": [{"role": "user", "content": [{"image": "https://example.com/cup.png"}, {"text": "on a walnut table"}]}]},
    "parameters": {"n": 1, "size": "1024*1024", "negative_prompt": "", "prompt_extend": True, "watermark": False, "seed": 7},
}


@pytest.fixture
def fake() -> FakeDashScope:
    return FakeDashScope()


async def _ask(
    fake: FakeDashScope, method: str, path: str, body: Any = None, headers: Any = None, key: str = "test-key"
) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://fake.example.com") as client:
        return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}", **(headers or {})})


async def _code(fake: FakeDashScope, path: str, body: Any, headers: Any = ASYNC) -> tuple[int, str]:
    answer = await _ask(fake, "POST", path, body, headers)
    return answer.status_code, answer.json().get("code", "")


def _horse(model: str = "happyhorse-1.0-t2v", media: Any = None, **parameters: Any) -> dict[str, Any]:
    items = {} if media is None else {"media": media}
    return {"model": model, "input": {"prompt": "a cat", **items}, "parameters": parameters}


async def test_a_task_is_made_watched_and_fetched_as_the_pages_show(fake: FakeDashScope) -> None:
    made = (await _ask(fake, "POST", VIDEO, HORSE, ASYNC)).json()
    task = made["output"]["task_id"]
    polls = [(await _ask(fake, "GET", f"/api/v1/tasks/{task}")).json() for _ in range(3)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app)) as browser:
        link = polls[2]["output"]["video_url"]
        file, spoilt = await browser.get(link), await browser.get(link, headers={"Authorization": "Bearer test-key"})

    assert made["output"]["task_status"] == "PENDING"
    assert [poll["output"]["task_status"] for poll in polls] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert "scheduled_time" not in polls[0]["output"]
    assert polls[2]["usage"] == {
        "duration": 5, "input_video_duration": 0, "output_video_duration": 5, "video_count": 1, "SR": 720, "ratio": "16:9",
    }  # fmt: skip
    assert (file.content, spoilt.status_code) == (tiny_mp4(), 403)


async def test_what_the_sdk_adds_to_a_body_is_tolerated(fake: FakeDashScope) -> None:
    extras = {"extend_prompt": True, "function": "video-synthesis"}
    body = {**_horse("happyhorse-1.0-i2v", [FRAME]), "parameters": {}}
    body["input"] |= extras

    assert (await _ask(fake, "POST", VIDEO, body, {**ASYNC, "x-dashscope-sdk-client": "python"})).status_code == 200


async def test_a_picture_comes_at_once_as_the_pages_show(fake: FakeDashScope) -> None:
    answer = (await _ask(fake, "POST", AT_ONCE, CUP)).json()
    link = answer["output"]["choices"][0]["message"]["content"][0]["image"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app)) as browser:
        file = await browser.get(link)

    assert answer["output"]["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["image_count"] == 1
    assert file.content == tiny_png()


async def test_the_header_of_tasks_decides(fake: FakeDashScope) -> None:
    missing = await _ask(fake, "POST", VIDEO, HORSE)
    too_much = await _ask(fake, "POST", AT_ONCE, CUP, ASYNC)

    assert (missing.status_code, missing.json()["message"]) == (403, "current user api does not support synchronous calls.")
    assert (too_much.status_code, too_much.json()["message"]) == (403, "current user api does not support asynchronous calls.")


async def test_a_wrong_key_is_401(fake: FakeDashScope) -> None:
    answer = await _ask(fake, "POST", VIDEO, HORSE, ASYNC, key="another")
    assert (answer.status_code, answer.json()["code"]) == (401, "InvalidApiKey")


async def test_a_foreign_task_is_unknown_with_http_200(fake: FakeDashScope) -> None:
    answer = await _ask(fake, "GET", "/api/v1/tasks/not-ours")
    assert (answer.status_code, answer.json()["output"]) == (200, {"task_id": "not-ours", "task_status": "UNKNOWN"})


async def test_a_foreign_task_cannot_be_cancelled(fake: FakeDashScope) -> None:
    answer = await _ask(fake, "POST", "/api/v1/tasks/not-ours/cancel")
    assert (answer.status_code, answer.json()["code"]) == (400, "UnsupportedOperation")


@pytest.mark.parametrize(
    "body",
    [
        _horse(resolution="720p"),
        _horse(duration=2),
        _horse(duration="5"),
        _horse(duration=True),
        _horse(ratio="2:1"),
        _horse(size="1280*720"),
        _horse(prompt_extend=True),
        _horse(watermark="false"),
        _horse(seed=-1),
        _horse(media=[FRAME]),
        _horse("happyhorse-1.0-i2v"),
        _horse("happyhorse-1.0-i2v", [FRAME, FRAME]),
        _horse("happyhorse-1.0-i2v", [FRAME], ratio="16:9"),
        _horse("happyhorse-1.0-i2v", [FRAME, {"type": "last_frame", "url": "https://example.com/b.png"}]),
        _horse("happyhorse-1.0-r2v", []),
        _horse("happyhorse-1.0-r2v", [{"type": "reference_image", "url": "https://example.com/a.png"}] * 10),
        _horse("happyhorse-1.0-video-edit", [{"type": "reference_image", "url": "https://example.com/a.png"}]),
        _horse("happyhorse-1.0-video-edit", [{"type": "video", "url": "https://example.com/a.mp4"}], duration=5),
        _horse("happyhorse-1.0-video-edit", [{"type": "video", "url": "https://example.com/a.mp4"}], audio_setting="off"),
        _horse("wan2.7-i2v", [{"type": "last_frame", "url": "https://example.com/a.png"}]),
        _horse("wan2.7-i2v", [FRAME, {"type": "first_clip", "url": "https://example.com/a.mp4"}]),
        _horse("wan2.7-i2v", [{**FRAME, "reference_voice": "https://example.com/a.mp3"}]),
        _horse("wan2.7-r2v", [{"type": "reference_video", "url": "https://example.com/a.mp4"}], duration=11),
        _horse("wan2.7-r2v", [{"type": "reference_video", "url": "https://example.com/a.mp4"}] * 3 + [FRAME] * 2),
        _horse("wan2.7-r2v", [FRAME]),
        _horse("wan3.0-video", [FRAME, {"type": "reference_image", "url": "https://example.com/a.png"}]),
        _horse("wan2.6-t2v", size="1280x720"),
        _horse("wan2.6-i2v"),
        _horse("wan2.6-r2v"),
        {"model": "wan2.6-r2v", "input": {"prompt": "x", "reference_urls": ["https://example.com/a.mp4"] * 6}},
        {"model": "wan2.1-vace-plus", "input": {"prompt": "x", "function": "dance"}},
        {"model": "wan2.6-t2v", "input": {"prompt": "x" * 1501}},
        {"model": "wan2.6-t2v", "input": {"prompt": "x", "negative_prompt": "x" * 501}},
        {"model": "wan2.6-t2v", "input": {}},
    ],
    ids=str,
)
async def test_a_wrong_video_body_is_refused(fake: FakeDashScope, body: Any) -> None:
    assert await _code(fake, VIDEO, body) == (400, "InvalidParameter")
    assert fake.creates == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "BadRequest.EmptyModel"),
        ({"model": "wan2.6-t2v"}, "BadRequest.EmptyInput"),
        ({"model": "wan2.6-t2v", "input": {"prompt": "x"}, "n": 1}, "BadRequest.IllegalInput"),
        (_horse("happyhorse-1.0-i2v", [{**FRAME, "url": "asset://a"}]), "InvalidURL"),
        (_horse("happyhorse-1.0-i2v", [{**FRAME, "url": "https://example.com/é.png"}]), "InvalidURL"),
        (_horse("happyhorse-1.0-i2v", [{**FRAME, "url": "data:image/png;base64,x"}]), "InvalidImageFormat"),
        (_horse("happyhorse-1.0-i2v", [{**FRAME, "url": "oss://bucket/a.png"}]), "InvalidFile.Openerror"),
    ],
    ids=str,
)
async def test_a_broken_body_has_a_code_of_its_own(fake: FakeDashScope, body: Any, code: str) -> None:
    assert await _code(fake, VIDEO, body) == (400, code)


async def test_a_body_that_is_no_json_is_refused(fake: FakeDashScope) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://fake.example.com") as client:
        answer = await client.post(VIDEO, content=b"{", headers={**ASYNC, "Authorization": "Bearer test-key"})
    assert answer.json()["code"] == "BadRequest.IllegalInput"


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (VIDEO, "happyhorse-1.0"),
        (VIDEO, "wan2.2-kf2v-flash"),
        (FRAMES, "wan2.6-i2v"),
        (AS_TASK, "qwen-image"),
        (PROMPT_STYLE, "wan2.7-image"),
    ],
)
async def test_a_model_is_known_on_its_own_path_alone(fake: FakeDashScope, path: str, model: str) -> None:
    assert await _code(fake, path, _horse(model)) == (404, "ModelNotFound")


def _picture(model: str, parts: Any = ({"text": "a cup"},), **parameters: Any) -> dict[str, Any]:
    return {"model": model, "input": {"messages": [{"role": "user", "content": list(parts)}]}, "parameters": parameters}


@pytest.mark.parametrize(
    "body",
    [
        _picture("qwen-image", size="1024*1024"),
        _picture("qwen-image", size="1664x928"),
        _picture("qwen-image", n=2),
        _picture("qwen-image", n=True),
        _picture("qwen-image", response_format="url"),
        _picture("qwen-image", watermark="no"),
        _picture("qwen-image", ({"text": "a"}, {"text": "b"})),
        _picture("qwen-image", ({"text": ""},)),
        _picture("qwen-image", ({"image": "https://example.com/a.png"}, {"text": "a"})),
        _picture("qwen-image-edit"),
        _picture("qwen-image-edit-plus", ({"text": "a"}, {"image": "https://example.com/a.png"})),
        _picture("qwen-image-edit-plus", ({"image": "https://example.com/a.png"}, {"text": "a"}), size="2560*1440"),
        _picture("qwen-image-edit-plus", ({"image": "https://example.com/a.png"}, {"text": "a"}), size="1000*1000"),
        _picture("z-image-turbo", negative_prompt="blur"),
        _picture("wan2.7-image", size="4K"),
        _picture("wan2.7-image-pro", ({"image": "https://example.com/a.png"}, {"text": "a"}), size="4K"),
        _picture("wan2.6-t2i", size="1024*1024"),
        {"model": "qwen-image", "input": {"prompt": "a cup"}},
    ],
    ids=str,
)
async def test_a_wrong_picture_body_is_refused(fake: FakeDashScope, body: Any) -> None:
    assert await _code(fake, AT_ONCE, body, {}) == (400, "InvalidParameter")


async def test_a_field_of_another_style_is_refused(fake: FakeDashScope) -> None:
    body = {"model": "wan2.5-i2i-preview", "input": {"prompt": "x", "base_image_url": "https://example.com/a.png"}}
    assert await _code(fake, EDIT_STYLE, body) == (400, "InvalidParameter")


async def test_tasks_are_listed_by_page(fake: FakeDashScope) -> None:
    for _ in range(3):
        await _ask(fake, "POST", VIDEO, HORSE, ASYNC)
    listed = (await _ask(fake, "GET", "/api/v1/tasks?page_no=2&page_size=2")).json()

    assert (listed["total"], listed["total_page"], len(listed["data"])) == (3, 2, 1)


async def test_a_withheld_picture_is_a_400(fake: FakeDashScope) -> None:
    body = _picture("qwen-image", ({"text": "[[fail:DataInspectionFailed]]"},))
    assert await _code(fake, AT_ONCE, body, {}) == (400, "DataInspectionFailed")


async def test_a_task_may_be_suspended(fake: FakeDashScope) -> None:
    body = {"model": "wan2.6-t2v", "input": {"prompt": "[[suspend]]"}}
    task = (await _ask(fake, "POST", VIDEO, body, ASYNC)).json()["output"]["task_id"]
    assert (await _ask(fake, "GET", f"/api/v1/tasks/{task}")).json()["output"]["task_status"] == "SUSPENDED"

"""`stream: true`."""

import asyncio
import base64
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest

from app.api.image_events import event_stream
from app.domain.errors import UpstreamMaybeSent
from app.domain.json import JsonObject
from tests.api.conftest import IMAGE, Site, error_of
from tests.api.vendor import PIXEL

pytestmark = pytest.mark.anyio
B64 = base64.b64encode(PIXEL).decode()


def events_of(text: str) -> list[dict[str, object]]:
    """The data of each event; the event's name must be its type."""
    frames = [frame.split("\n") for frame in text.split("\n\n") if frame and not frame.startswith(":")]
    data: list[dict[str, object]] = []
    for name, line in frames:
        data.append(orjson.loads(line.removeprefix("data: ")))
        assert name == f"event: {data[-1].get('type') if 'b64_json' in data[-1] else 'error'}"
    return data


@pytest.mark.parametrize(("path", "kind"), [("/v1/images/generations", "image_generation"), ("/v1/images/edits", "image_edit")])
async def test_each_picture_is_an_event(site: Site, path: str, kind: str) -> None:
    site.studio.pictures = [{"b64_json": B64}, {"b64_json": B64}]
    site.studio.images = {"usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}
    body = {**IMAGE, "n": 2, "stream": True, "image": B64}
    answer = await site.client.post(path, json=body)
    events = events_of(answer.text)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [event["type"] for event in events] == [f"{kind}.completed"] * 2
    assert all(event["b64_json"] == B64 and isinstance(event["created_at"], int) for event in events)
    assert all({"size", "quality", "background", "output_format"} <= set(event) for event in events)
    assert "usage" in events[-1]


async def test_previews_come_before_the_picture(site: Site) -> None:
    def stream(request: httpx.Request) -> httpx.Response:
        partial = {"type": "image_generation.partial_image", "b64_json": B64, "partial_image_index": 0}
        last = {"type": "image_generation.completed", "b64_json": B64, "usage": {"total_tokens": 9}}
        text = b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in (partial, last))
        return httpx.Response(200, content=text, headers={"content-type": "text/event-stream"})

    site.vendor.script = stream
    answer = await site.client.post("/v1/images/generations", json={**IMAGE, "stream": True, "partial_images": 1})
    events = events_of(answer.text)
    assert [event["type"] for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert events[0]["partial_image_index"] == 0
    assert events[0]["b64_json"] == B64


async def test_a_picture_is_streamed_to_its_end_by_a_process_that_goes_away(site: Site) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        begun.set()
        await go_on.wait()
        return httpx.Response(200, json={"created": 1, "data": [{"b64_json": B64}]})

    site.vendor.script = slow
    making = asyncio.create_task(site.client.post("/v1/images/generations", json={**IMAGE, "stream": True}))
    await begun.wait()
    site.gateway.leave()
    go_on.set()
    assert [event["type"] for event in events_of((await making).text)] == ["image_generation.completed"]


async def test_a_refusal_before_the_stream_is_an_ordinary_error(site: Site) -> None:
    site.studio.refusal = httpx.Response(400, json={"error": {"code": "moderation_blocked", "message": "No boats."}})
    answer = await site.client.post("/v1/images/generations", json={**IMAGE, "stream": True})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "content_policy_violation"


async def test_a_job_that_fails_before_the_stream_is_an_ordinary_error_with_its_id(site: Site) -> None:
    body = {"model": "sandbox-image", "prompt": "a", "stream": True, "metadata": {"sandbox": {"fail": "moderation"}}}
    answer = await site.client.post("/v1/images/generations", json=body)
    assert answer.status_code == 502
    assert error_of(answer)["id"].startswith("image_")


async def test_silence_is_filled_with_comments_and_a_late_error_is_an_event() -> None:
    released = asyncio.Event()

    async def events() -> AsyncIterator[JsonObject]:
        await released.wait()
        yield {"type": "image_generation.completed", "b64_json": "eA=="}
        raise UpstreamMaybeSent("vendor.example.com did not answer", job_id="image_1")

    answer = await event_stream(events(), ping=0.01)
    frames = []
    async for frame in answer.body_iterator:
        frames.append(bytes(frame) if not isinstance(frame, str) else frame.encode())
        if len(frames) == 2:
            released.set()
    assert frames[0] == frames[1] == b": ping\n\n"
    assert b"image_generation.completed" in frames[-2]
    assert frames[-1].startswith(b"event: error\n")
    body = orjson.loads(frames[-1].partition(b"data: ")[2])
    assert body["error"]["code"] == "upstream_outcome_unknown"
    assert body["id"] == "image_1"
    assert "vendor.example.com" not in body["message"]


async def test_a_client_that_leaves_stops_the_listening() -> None:
    stopped = asyncio.Event()

    async def events() -> AsyncIterator[JsonObject]:
        try:
            await asyncio.Event().wait()
            yield {}
        finally:
            stopped.set()

    answer = await event_stream(events(), ping=0.01)
    frames = answer.body_iterator.__aiter__()
    assert await anext(frames) == b": ping\n\n"
    await frames.aclose()  # type: ignore[attr-defined]  # it is a generator
    await asyncio.wait_for(stopped.wait(), 5)

"""Streamed pictures: heard one by one, recorded as one job, and an open outcome when nothing came."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.domain.errors import UpstreamMaybeSent, UpstreamRefused
from app.domain.jobs import JobStatus
from app.engine.exchange import PictureEvent
from app.engine.sse import json_events
from tests.domain.builders import image
from tests.gateways import another, answer, gateway_on, stored, wish

pytestmark = pytest.mark.anyio

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n a picture").decode()


def stream(*events: object, end: str = "data: [DONE]\n\n") -> httpx.Response:
    text = "".join(f"event: x\ndata: {json.dumps(event)}\n\n: ping\n\n" for event in events)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=(text + end).encode())


PARTIAL = {"type": "image_generation.partial_image", "b64_json": PNG, "partial_image_index": 0}
WHOLE = {"type": "image_generation.completed", "b64_json": PNG, "usage": {"total_tokens": 9}}


async def test_pictures_are_heard_as_they_come_and_kept_as_one_job(tmp_path: Path) -> None:
    heard: list[PictureEvent] = []
    async with gateway_on(tmp_path, lambda request: stream(PARTIAL, WHOLE)) as (gateway, vendor):
        job = await gateway.create(wish(image(stream=True), listener=heard.append))
        (row,) = await stored(gateway)
    assert [(event.index, event.final) for event in heard] == [(0, False), (0, True)]
    assert (job.status, row.status, len(row.outputs)) == (JobStatus.COMPLETED, JobStatus.COMPLETED, 1)
    assert row.outputs[0].asset is not None
    assert row.usage is not None
    assert row.usage.total_tokens == 9
    assert vendor.bodies[0]["stream"] is True


async def test_a_vendor_without_streams_is_heard_at_its_end(tmp_path: Path) -> None:
    heard: list[PictureEvent] = []
    channel = another("plain", settings={"stream": False})
    body = {"created": 1, "data": [{"b64_json": PNG}, {"b64_json": PNG}]}
    async with gateway_on(tmp_path, lambda request: answer(body), channels=(channel,)) as (gateway, vendor):
        await gateway.create(wish(image(), listener=heard.append))
    assert [(event.index, event.final) for event in heard] == [(0, True), (1, True)]
    assert "stream" not in vendor.bodies[0]


async def test_parts_of_a_split_job_are_numbered_through(tmp_path: Path) -> None:
    heard: list[PictureEvent] = []
    channel = another("ark", adapter="ark", models={"m": "doubao-seedream-4-5-251128"})
    events = (
        {"type": "image_generation.partial_succeeded", "image_index": 0, "url": "https://media.example.com/0.jpeg"},
        {"type": "image_generation.completed", "usage": {"generated_images": 1}},
    )
    async with gateway_on(tmp_path, lambda request: stream(*events), channels=(channel,)) as (gateway, vendor):
        job = await gateway.create_and_wait(wish(image(n=3, stream=True), listener=heard.append))
    assert sorted(event.index for event in heard) == [0, 1, 2]
    assert len(job.outputs) == 3
    assert vendor.creates() == 3


async def test_a_refusal_inside_the_stream_is_a_refusal(tmp_path: Path) -> None:
    event = {"error": {"message": "withheld", "code": "moderation_blocked"}}
    async with gateway_on(tmp_path, lambda request: stream(event)) as (gateway, _):
        with pytest.raises(UpstreamRefused) as caught:
            await gateway.create(wish(image(stream=True), listener=lambda event: None))
    assert caught.value.code == "content_policy_violation"


async def test_a_plain_error_to_a_streamed_create_is_read_as_one(tmp_path: Path) -> None:
    refusal = answer({"error": {"message": "no", "code": "invalid_value"}}, 400)
    async with gateway_on(tmp_path, lambda request: refusal) as (gateway, _):
        with pytest.raises(UpstreamRefused):
            await gateway.create(wish(image(stream=True), listener=lambda event: None))


async def test_a_stream_that_breaks_off_without_a_picture_has_an_unknown_outcome(tmp_path: Path) -> None:
    channels = (another("one"), another("two", priority=-1))
    async with gateway_on(tmp_path, lambda request: stream(end=""), channels=channels) as (gateway, vendor):
        with pytest.raises(UpstreamMaybeSent):
            await gateway.create(wish(image(stream=True), listener=lambda event: None))
    assert vendor.creates() == 1


async def test_a_stream_that_breaks_off_keeps_the_pictures_that_came(tmp_path: Path) -> None:
    broken = stream(WHOLE, end="data: {broken\n\n")
    async with gateway_on(tmp_path, lambda request: broken) as (gateway, _):
        job = await gateway.create(wish(image(stream=True), listener=lambda event: None))
    assert job.status is JobStatus.COMPLETED
    assert len(job.partial_failures) == 1


async def events_of(*chunks: bytes) -> list[object]:
    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [event async for event in json_events(source())]


async def test_events_are_read_however_they_are_cut() -> None:
    text = b': hello\r\nevent: a\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata:{"b":2}\n\ndata: [DONE]\n\ndata: {"c":3}\n\n'
    whole = await events_of(text)
    assert whole == [{"a": 1}, {"b": 2}]
    assert await events_of(*(bytes([byte]) for byte in text)) == whole
    assert await events_of(b'data: {"last": true}') == [{"last": True}]

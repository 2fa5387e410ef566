"""What steers the sandbox is checked before anything is sent, and a job goes through the real transport."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.adapters.base import Call
from app.adapters.sandbox import Sandbox
from app.domain.channels import Credential
from app.domain.errors import InvalidRequest
from app.domain.jobs import Job, JobStatus, Snapshot, advance
from app.domain.json import Json, JsonObject
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest
from app.engine.transport import Transport
from app.sandbox.service import SandboxTransport
from tests.sandbox.conftest import START

ADAPTER = Sandbox()


def job_for(request: Request) -> Job:
    return Job(
        id="task_01",
        key_id="key_1",
        model=request.model,
        asked=request,
        request=request,
        adapter="sandbox",
        upstream_model=f"sandbox-{request.op}",
        created_at=START,
        updated_at=START,
        deadline_at=START,
    )


def clip(steering: Json = None, *, width: int | None = 128, height: int | None = 72, resolution: str | None = None) -> VideoRequest:
    vendor: JsonObject = {} if steering is None else {"sandbox": steering}
    return VideoRequest(
        model="m", mode=Mode.T2V, prompt="x", duration=1, fps=12, width=width, height=height, resolution=resolution, vendor=vendor
    )


def picture(steering: Json = None, **changes: object) -> ImageRequest:
    vendor: JsonObject = {} if steering is None else {"sandbox": steering}
    return replace(ImageRequest(model="m", mode=Mode.T2I, prompt="x", width=96, height=64, vendor=vendor), **changes)  # type: ignore[arg-type]


def body_of(request: Request) -> Mapping[str, Json]:
    body = ADAPTER.build_request(job_for(request)).json
    assert body is not None
    return body


@pytest.mark.parametrize(
    ("steering", "param", "code"),
    [
        ("slow", "metadata.sandbox", "invalid_type"),
        ([1], "metadata.sandbox", "invalid_type"),
        ({"delay": 601}, "metadata.sandbox.delay", "invalid_value"),
        ({"delay": -1}, "metadata.sandbox.delay", "invalid_value"),
        ({"delay": "soon"}, "metadata.sandbox.delay", "invalid_value"),
        ({"delay": "nan"}, "metadata.sandbox.delay", "invalid_value"),
        ({"delay": True}, "metadata.sandbox.delay", "invalid_type"),
        ({"delay": [1]}, "metadata.sandbox.delay", "invalid_type"),
        ({"progress_steps": 0}, "metadata.sandbox.progress_steps", "invalid_value"),
        ({"progress_steps": 2.5}, "metadata.sandbox.progress_steps", "invalid_value"),
        ({"fail": 400}, "metadata.sandbox.fail", "invalid_type"),
        ({"fail": "two words"}, "metadata.sandbox.fail", "invalid_value"),
        ({"speed": 2}, "metadata.sandbox.speed", "invalid_value"),
    ],
)
def test_wrong_steering_is_refused_by_name(steering: Json, param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        ADAPTER.build_request(job_for(clip(steering)))
    assert (refusal.value.param, refusal.value.code) == (param, code)


def test_steering_from_a_multipart_body_is_text() -> None:
    steering = {"delay": "2.5", "progress_steps": "4", "fail": ""}
    assert body_of(clip(steering))["sandbox"] == {"delay": 2.5, "progress_steps": 4}


def test_without_steering_nothing_is_said_about_it() -> None:
    assert "sandbox" not in body_of(clip())
    assert "sandbox" not in body_of(clip({}))


@pytest.mark.parametrize(
    ("request_", "size"),
    [
        (clip(width=None, height=None), (1280, 720)),
        (clip(width=None, height=None, resolution="480p"), (854, 480)),
        (clip(width=480, height=854), (480, 854)),
        (clip(width=8192, height=4320), (4096, 2160)),
        (picture(width=None, height=None), (1024, 1024)),
        (picture(width=None, height=None, resolution="2K"), (2048, 2048)),
        (picture(width=16_384, height=16_384), (4096, 4096)),
    ],
)
def test_pixels(request_: Request, size: tuple[int, int]) -> None:
    body = body_of(request_)
    assert (body["width"], body["height"]) == size


def test_a_picture_that_is_delayed_is_waited_for() -> None:
    patient = ADAPTER.build_request(job_for(picture({"delay": 600})))
    assert patient.timeout > 600


def test_there_is_one_sandbox_and_no_credential() -> None:
    call = ADAPTER.build_test(None)  # type: ignore[arg-type]  # it looks at no channel
    assert ADAPTER.base_url("https://elsewhere.example.com") == ADAPTER.base_url("") == "sandbox://local"
    assert ADAPTER.authorize(call, Credential("none", {}), START) == call


@pytest.mark.anyio
async def test_a_clip_goes_from_wish_to_bytes(tmp_path: Path) -> None:
    async def unused(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500)

    transport = Transport(httpx.MockTransport(unused), {"sandbox": SandboxTransport(tmp_path)})
    base_url = ADAPTER.base_url("")
    job = job_for(clip())
    try:
        job = advance(job, ADAPTER.parse_submit(job, await transport.send(base_url, ADAPTER.build_request(job))), START)
        while not job.status.final:  # the render is another process; nothing here can wait for it but a look now and then
            await asyncio.sleep(0.02)
            answer = ADAPTER.parse_status(job, await transport.send(base_url, ADAPTER.build_status(job)))
            job = advance(job, answer, START)
        content = await transport.send(base_url, ADAPTER.build_download(job, job.outputs[0]))
    finally:
        await transport.aclose()
    assert job.status is JobStatus.COMPLETED
    assert (job.outputs[0].mime, job.outputs[0].width, job.outputs[0].height, job.fps) == ("video/mp4", 128, 72, 12)
    assert content.body[4:8] == b"ftyp"


def test_a_picture_is_not_cancelled_and_a_clip_is() -> None:
    assert ADAPTER.build_cancel(job_for(picture())) is None
    running = advance(job_for(clip()), Snapshot(JobStatus.QUEUED, upstream_id="task_01-0123"), START)
    call = ADAPTER.build_cancel(running)
    assert isinstance(call, Call)
    assert call.json is not None
    assert call.json["id"] == "task_01-0123"

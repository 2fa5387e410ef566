"""The sandbox: an upstream inside this process that makes real files without network or account (CONTRACT §5).

Every call about a job carries its whole wish, so that whichever process answers can do so without remembering anything.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from app.adapters.base import Adapter, Call, Reply, error_by_status, status_of
from app.domain.channels import Channel, Credential
from app.domain.errors import InvalidRequest, UpstreamError, UpstreamUnreadable
from app.domain.geometry import pixels_of
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject
from app.domain.media import Form, Media
from app.domain.requests import ImageRequest, Request, VideoRequest

MAX_DELAY = 600  # seconds
MAX_STEPS = 1000
MAX_SIDE = 4096  # pixels of a clip's longer side; CONTRACT §5, "up to 4k"
MAX_AREA = 4096 * 4096  # pixels of a picture
_PATIENCE = 120.0  # seconds for making pictures, besides the delay asked for
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Sandbox(Adapter):
    """Images are answered at once, videos are polled."""

    name = "sandbox"
    statuses: ClassVar[Mapping[str, JobStatus]] = {status.value: status for status in JobStatus}
    credential_fields = (frozenset(),)
    default_base_url = "sandbox://local"

    def base_url(self, given: str) -> str:
        return self.default_base_url  # there is only the one inside this process

    def build_request(self, job: Job) -> Call:
        body = _wish(job, job.created_at)
        if isinstance(job.request, ImageRequest):
            delay = _steering(job.request).get("delay", 0)
            return Call(method="POST", path="/v1/images", json=body, timeout=_PATIENCE + float(delay))
        return Call(method="POST", path="/v1/jobs", json=body)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        return _snapshot(self, job, reply.object())

    def build_status(self, job: Job) -> Call:
        body = {"id": job.upstream_id, **_wish(job, job.accepted_at or job.created_at)}
        return Call(method="POST", path="/v1/status", json=body)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot:
        return _snapshot(self, job, reply.object())

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        return call

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        error = reply.json.get("error") if isinstance(reply.json, Mapping) else None
        if not isinstance(error, Mapping):
            return error_by_status(reply)
        return error_by_status(reply, _text(error, "message"), upstream_code=_text(error, "code"))

    def build_download(self, job: Job, output: Output) -> Call:
        return Call(path=(output.url or "").removeprefix(self.default_base_url))

    def build_cancel(self, job: Job) -> Call | None:
        if job.op == "image":
            return None
        body = {"id": job.upstream_id, **_wish(job, job.accepted_at or job.created_at)}
        return Call(method="POST", path="/v1/cancel", json=body)

    def build_lookup(self, job: Job) -> Call:
        # the same wish makes the same files under the same id, so asking again is safe
        return self.build_request(job)

    def parse_lookup(self, job: Job, reply: Reply) -> Snapshot:
        return self.parse_submit(job, reply)

    def build_test(self, channel: Channel) -> Call:
        return Call(path="/healthz")


def _wish(job: Job, accepted: datetime) -> dict[str, Json]:
    """What shall be made, as the sandbox's endpoints read it; absent keys are its defaults."""
    request = job.request
    width, height = _size(request)
    wish: dict[str, Json] = {
        "job": job.id,
        "model": job.upstream_model,
        "kind": request.op,
        "accepted_at": accepted.timestamp(),
        "prompt": request.prompt,
        "width": width,
        "height": height,
        "n": request.n,
        "seed": request.seed,
        "inputs": [_input(item) for item in request.media],
        "notes": list(_notes(request)),
        "sandbox": _steering(request),
        **(_clip(request) if isinstance(request, VideoRequest) else _picture(request)),
    }
    return {key: value for key, value in wish.items() if value not in (None, [], {})}


def _clip(request: VideoRequest) -> dict[str, Json]:
    return {"seconds": request.duration or 4, "fps": request.fps or 24, "audio": request.generate_audio}


def _picture(request: ImageRequest) -> dict[str, Json]:
    word = (request.output_format or "png").lower()
    return {"format": "jpeg" if word == "jpg" else word, "quality": request.output_compression}


def _size(request: Request) -> tuple[int, int]:
    if request.width is not None and request.height is not None:
        width, height = request.width, request.height
    else:
        width, height = pixels_of(request.resolution, request.aspect_ratio, request.op)
    shrink = math.sqrt(MAX_AREA / (width * height)) if request.op == "image" else MAX_SIDE / max(width, height)
    return (width, height) if shrink >= 1 else (int(width * shrink), int(height * shrink))


def _input(item: Media) -> JsonObject:
    linked = item.form in (Form.URL, Form.VERBATIM)
    return {"type": item.type.value, "role": item.role.value, **({"url": item.src} if linked else {"bytes": len(item.data or b"")})}


def _notes(request: Request) -> tuple[str, ...]:
    """Lines to show under the prompt, so that a result tells what reached the model."""
    notes: list[str] = []
    if request.media:
        roles = ", ".join(item.role.value for item in request.media)
        notes.append(f"{len(request.media)} input{'s' if len(request.media) > 1 else ''}: {roles}")
    if request.negative_prompt:
        notes.append(f"without: {request.negative_prompt}")
    return tuple(notes)


def _steering(request: Request) -> dict[str, int | float | str]:
    """The known keys of `metadata.sandbox`; raises InvalidRequest naming the one that is wrong."""
    given = request.vendor.get("sandbox")
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidRequest("metadata.sandbox must be an object.", param="metadata.sandbox", code="invalid_type")
    found: dict[str, int | float | str] = {}
    for key, value in given.items():
        if value is None or value == "":
            continue
        if key == "delay":
            found[key] = _number(key, value, 0, MAX_DELAY)
        elif key == "progress_steps":
            found[key] = _whole(key, value)
        elif key == "fail":
            found[key] = _error_code(key, value)
        else:
            raise InvalidRequest("The sandbox knows delay, fail and progress_steps.", param=f"metadata.sandbox.{key}")
    return found


def _number(key: str, value: Json, low: int, high: int) -> int | float:
    """A number or its text (multipart bodies have only texts)."""
    param = f"metadata.sandbox.{key}"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidRequest(f"{param} must be a number.", param=param, code="invalid_type")
    try:
        number = float(value)
    except ValueError as error:
        raise InvalidRequest(f"{param} must be a number.", param=param) from error
    if not low <= number <= high:
        raise InvalidRequest(f"{param} must be from {low} to {high}.", param=param)
    return int(number) if number.is_integer() else number


def _whole(key: str, value: Json) -> int:
    number = _number(key, value, 1, MAX_STEPS)
    if isinstance(number, float):
        raise InvalidRequest(f"metadata.sandbox.{key} must be a whole number.", param=f"metadata.sandbox.{key}")
    return number


def _error_code(key: str, value: Json) -> str:
    param = f"metadata.sandbox.{key}"
    if not isinstance(value, str):
        raise InvalidRequest(f"{param} must be an error code.", param=param, code="invalid_type")
    if _CODE.fullmatch(value) is None:
        raise InvalidRequest(f"{param} must be 1 to 64 letters, digits, '_', '.' or '-'.", param=param)
    return value


def _snapshot(adapter: Adapter, job: Job, body: JsonObject) -> Snapshot:
    status = status_of(adapter, body.get("status"))
    upstream_id = _text(body, "id")
    if upstream_id is None:
        raise UpstreamUnreadable("The sandbox's answer has no id.")
    outputs = tuple(_output(item) for item in _objects(body, "outputs")) if status is JobStatus.COMPLETED else ()
    video = isinstance(job.request, VideoRequest)
    seconds, fps, seed, progress = (body.get(key) for key in ("seconds", "fps", "seed", "progress"))
    length = float(seconds) if video and isinstance(seconds, int | float) else None
    return Snapshot(
        status=status,
        upstream_id=upstream_id,
        progress=progress if isinstance(progress, int) else None,
        outputs=outputs,
        failure=_failure(body) if status is JobStatus.FAILED else None,
        usage=(Usage(seconds=length) if video else Usage(images=len(outputs))) if outputs else None,
        seconds=length,
        seed=seed if isinstance(seed, int) else None,
        fps=fps if video and isinstance(fps, int) else None,
    )


def _output(item: JsonObject) -> Output:
    width, height = item.get("width"), item.get("height")
    return Output(
        url=_text(item, "url"),
        mime=_text(item, "mime"),
        width=width if isinstance(width, int) else None,
        height=height if isinstance(height, int) else None,
    )


def _failure(body: JsonObject) -> Failure:
    error = body.get("error")
    found = error if isinstance(error, Mapping) else {}
    code = _text(found, "code") or "generation_failed"
    return Failure(code, _text(found, "message") or "The sandbox failed.", upstream_code=code)


def _objects(body: JsonObject, key: str) -> list[JsonObject]:
    items = body.get(key)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _text(body: JsonObject, key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) else None

"""Ark's own API (its pages as of 2026-11-20): bodies of tasks and pictures, and how jobs look to its clients."""

import math
from collections.abc import Callable, Iterator, Sequence

from app.api.dialects.facts import epoch, length, pixels, shape, size_text, tier
from app.api.dialects.images import Picture
from app.api.dialects.native_fields import IMAGES, NativeBody
from app.api.dialects.videos import Link, wants_last_frame
from app.domain.errors import InvalidRequest
from app.domain.jobs import Failure, Job, JobStatus
from app.domain.json import Json, JsonObject
from app.domain.most_results import GROUP, GROUP_OPTIONS, group_room
from app.domain.normalise.values import elements, given, integer, mapping
from app.domain.requests import Notice, VideoRequest
from app.engine.failure_text import failure_text

CANCELLED = frozenset({"cancelled"})  # failure codes that this API has a status of its own for
EXPIRED = frozenset({"expired", "deadline_exceeded"})
_MOST_PICTURES = 10  # of one request of ours, where they are made one by one
_MOST_SAID = f"{GROUP_OPTIONS}.max_images"
_count = integer(1, 2**31 - 1)
_STATUSES = {JobStatus.QUEUED: "queued", JobStatus.IN_PROGRESS: "running", JobStatus.COMPLETED: "succeeded"}


def video_body(body: JsonObject) -> NativeBody:
    """The fields of a task. They are ours too; only what is missing is called otherwise."""
    if not given(body.get("content")) and not given(body.get("prompt")):
        raise InvalidRequest("`content` is missing.", code="missing_required_parameter", param="content")
    return NativeBody(body, {} if given(body.get("prompt")) else {"prompt": "content"})


def image_body(body: JsonObject, *, groups: bool) -> NativeBody:
    """The fields of an image call; `groups` says whether the model makes groups by itself. Raises InvalidRequest."""
    fields = {**body, "response_format": body["response_format"] if given(body.get("response_format")) else "url"}
    if body.get(GROUP) == "auto":
        return _group(fields) if groups else _one_by_one(fields)
    if not given(body.get(GROUP)) or body.get(GROUP) == "disabled":  # another word is the vendor's to judge
        fields.pop(GROUP, None)  # some models refuse the very name
        fields.pop(GROUP_OPTIONS, None)  # which only say something about a group
    return NativeBody(fields, route=IMAGES)


def status_word(job: Job) -> str:
    """The vendor's word for where a job stands."""
    code = job.failure.code if job.failure else ""
    if code in CANCELLED:
        return "cancelled"
    return "expired" if code in EXPIRED else _STATUSES.get(job.status, "failed")


def task_object(job: Job, link: Link) -> dict[str, Json]:
    """A task. What is not known is left out; `usage` is always there with a result, because clients read it unasked."""
    tier_of_service = job.request.vendor.get("service_tier")
    task: dict[str, Json] = {
        "id": job.id,
        "model": job.model,
        "status": status_word(job),
        "error": _error(job.failure, job) if job.failure else None,
        "created_at": epoch(job.created_at),
        "updated_at": epoch(job.updated_at),
        "service_tier": tier_of_service if isinstance(tier_of_service, str) else "default",
        "execution_expires_after": int((job.deadline_at - job.created_at).total_seconds()),
    }
    if job.asked.user is not None:
        task["safety_identifier"] = job.asked.user
    return {**task, **_result(job, link)} if job.status is JobStatus.COMPLETED else task


def task_list(jobs: Sequence[Job], total: int, link_of: Callable[[Job], Link]) -> dict[str, Json]:
    """One page of tasks; `total` counts all that the filters let through."""
    return {"total": total, "items": [task_object(job, link_of(job)) for job in jobs]}


def images_object(job: Job, pictures: Sequence[Picture]) -> dict[str, Json]:
    """The answer to an image call; withheld pictures stand among the others."""
    data: list[Json] = [_picture(job, index, picture) for index, picture in enumerate(pictures)]
    data += [{"error": _error(failure, job)} for failure in job.partial_failures]
    head: dict[str, Json] = {"id": job.id, "model": job.model, "created": epoch(job.completed_at or job.created_at)}
    return {**head, "data": data, "usage": _image_usage(job)}


def image_events(job: Job, pictures: Sequence[Picture]) -> Iterator[dict[str, Json]]:
    """The same as events."""
    head: dict[str, Json] = {"model": job.model, "created": epoch(job.completed_at or job.created_at)}
    for index, picture in enumerate(pictures):
        made = {"type": "image_generation.partial_succeeded", **head, "image_index": index}
        yield {**made, **_picture(job, index, picture)}
    for place, failure in enumerate(job.partial_failures, start=len(job.outputs)):
        yield {"type": "image_generation.partial_failed", **head, "image_index": place, "error": _error(failure, job)}
    yield {"type": "image_generation.completed", "id": job.id, **head, "usage": _image_usage(job)}


def _group(fields: dict[str, Json]) -> NativeBody:
    """A group as the vendor makes it, no larger than it can be beside the pictures that it is made after."""
    most = _most_said(fields)
    if most is None:
        return NativeBody(fields, route=IMAGES)
    pictures = elements(fields.get("image"))
    room = group_room(len(pictures) if pictures is not None else int(given(fields.get("image"))))
    options = mapping(fields[GROUP_OPTIONS], GROUP_OPTIONS)
    fields = {**fields, GROUP_OPTIONS: {**options, "max_images": min(most, room)}}
    notice = Notice(f"adjusted:vendor.{GROUP_OPTIONS}", f"vendor.{GROUP_OPTIONS}", most, room)
    return NativeBody(fields, route=IMAGES, notices=(notice,) if most > room else ())


def _one_by_one(fields: dict[str, Json]) -> NativeBody:
    """As many pictures as the client would take, which then do not know of each other."""
    most = _most_said(fields)
    left_out = Notice(f"dropped:vendor.{GROUP}", f"vendor.{GROUP}", fields.pop(GROUP), None)
    fields.pop(GROUP_OPTIONS, None)
    if most is None or given(fields.get("n")):
        return NativeBody(fields, route=IMAGES, notices=(left_out,))
    fields["n"] = min(most, _MOST_PICTURES)
    fewer = (Notice("adjusted:n", "n", most, _MOST_PICTURES),) if most > _MOST_PICTURES else ()
    return NativeBody(fields, {"n": _MOST_SAID}, IMAGES, (left_out, *fewer))


def _most_said(fields: JsonObject) -> int | None:
    """How many pictures a group may have, if the client says so."""
    if not given(fields.get(GROUP_OPTIONS)):
        return None
    most = mapping(fields[GROUP_OPTIONS], GROUP_OPTIONS).get("max_images")
    return _count(most, _MOST_SAID) if given(most) else None


def _result(job: Job, link: Link) -> dict[str, Json]:
    request, usage = job.request, job.usage
    tokens = (usage.output_tokens if usage.output_tokens is not None else usage.total_tokens) if usage else None
    seconds = length(job)
    resolution = tier(job)
    known: dict[str, Json] = {
        "seed": job.seed if job.seed is not None else request.seed,
        "resolution": "4k" if resolution == "2160p" else resolution,
        "ratio": shape(job),
        "duration": None if seconds is None else math.floor(seconds),
        "framespersecond": job.fps or (request.fps if isinstance(request, VideoRequest) else None),
        "generate_audio": request.generate_audio if isinstance(request, VideoRequest) else None,
    }
    still: dict[str, Json] = {"last_frame_url": link(0, "last_frame")} if wants_last_frame(job) else {}
    return {
        "content": {"video_url": link(0), **still},
        "usage": {"completion_tokens": tokens or 0, "total_tokens": (usage.total_tokens if usage else None) or tokens or 0},
        **{name: value for name, value in known.items() if value is not None},
    }


def _picture(job: Job, index: int, picture: Picture) -> dict[str, Json]:
    entry: dict[str, Json] = {"url": picture.url} if picture.url is not None else {"b64_json": picture.b64_json}
    output = job.outputs[index]
    size = (output.width, output.height) if output.width and output.height else pixels(job)
    return {**entry, "size": size_text(size)} if size else entry


def _image_usage(job: Job) -> dict[str, Json]:
    usage = job.usage
    output = (usage.output_tokens if usage else None) or 0
    total = (usage.total_tokens if usage else None) or output
    return {"generated_images": len(job.outputs), "output_tokens": output, "total_tokens": total}


def _error(failure: Failure, job: Job) -> dict[str, Json]:
    return {"code": failure.code, "message": failure_text(failure, job)}

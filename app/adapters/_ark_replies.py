"""Reads Ark's answers: the task object of videos and the images object, whatever may be missing or of another type."""

from app.adapters._ark_errors import failure_of
from app.adapters._fields import decoded, items, number, table, text, web_link, whole
from app.adapters.base import Reply, StreamEvent
from app.domain.capabilities import ModelCard
from app.domain.errors import UpstreamUnreadable
from app.domain.jobs import Failure, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject
from app.domain.requests import ImageRequest

FPS = 24  # of every Seedance model
_TIERS = {"4k": "2160p"}
_VIDEO_MIMES = {"mp4": "video/mp4", "mov": "video/quicktime"}


def task_snapshot(task: JsonObject, status: JobStatus, card: ModelCard | None) -> Snapshot:
    """A task object whose status word is known. `card` tells the pixels of a tier and shape."""
    content = table(task.get("content"))
    resolution, ratio = _tier(task.get("resolution")), _ratio(task.get("ratio"))
    seed, fps = whole(task.get("seed")), whole(task.get("framespersecond"))
    seconds = _seconds(task, fps)
    done = status is JobStatus.COMPLETED
    return Snapshot(
        status=status,
        upstream_id=text(task.get("id")),
        outputs=_videos(task, content, _pixels(card, resolution, ratio)) if done else (),
        failure=_task_failure(task) if status is JobStatus.FAILED else None,
        usage=_task_usage(task, seconds) if done else None,
        seconds=seconds,
        resolution=resolution,
        aspect_ratio=ratio,
        seed=None if seed == -1 else seed,
        fps=fps,
    )


def image_snapshot(request: ImageRequest, reply: Reply) -> Snapshot:
    """An images object: pictures and refusals in one list. Raises UpstreamUnreadable when there is neither."""
    answer = reply.object()
    entries = [table(entry) for entry in items(answer.get("data"))]
    outputs = tuple(output for output in (_picture(entry, request) for entry in entries) if output is not None)
    failures = tuple(failure_of(entry["error"]) for entry in entries if entry.get("error"))
    if answer.get("error"):
        failures = (*failures, failure_of(answer["error"]))
    if not outputs and not failures:
        raise UpstreamUnreadable("Ark answered without a picture and without an error.", status=reply.status, body=reply.excerpt())
    return Snapshot(
        status=JobStatus.COMPLETED if outputs else JobStatus.FAILED,
        outputs=outputs,
        failure=None if outputs else failures[0],
        partial_failures=failures if outputs else (),
        usage=_image_usage(answer, len(outputs)),
    )


def image_event(request: ImageRequest, event: JsonObject) -> StreamEvent | None:
    """One event of an image stream. Previews are left out: the vendor says that they are not to be delivered."""
    kind = text(event.get("type")) or ""
    if kind.endswith(".partial_succeeded"):
        output = _picture(event, request)
        return None if output is None else StreamEvent("completed", whole(event.get("image_index")) or 0, output)
    if event.get("error"):
        return StreamEvent("failed", whole(event.get("image_index")) or 0, failure=failure_of(event["error"]))
    if kind.endswith(".completed"):
        made = whole(table(event.get("usage")).get("generated_images"))
        return StreamEvent("end", usage=_image_usage(event, made or 0))
    return None


def _videos(task: JsonObject, content: JsonObject, pixels: tuple[int, int] | None) -> tuple[Output, ...]:
    url = web_link(content.get("video_url"))
    if url is None:
        return ()
    container = (text(task.get("output_format")) or text(content.get("output_format")) or "mp4").lower()
    width, height = pixels or (None, None)
    return (
        Output(
            url=url,
            mime=_VIDEO_MIMES.get(container, "video/mp4"),
            width=width,
            height=height,
            revised_prompt=text(task.get("revised_prompt")),
            last_frame_url=web_link(content.get("last_frame_url")),
        ),
    )


def _task_failure(task: JsonObject) -> Failure:
    word = (text(task.get("status")) or "").lower()
    reason = failure_of(task.get("error"))
    if word == "expired":
        return Failure("expired", "The vendor did not finish the task in time.", reason.upstream_code)
    if word == "cancelled":
        return Failure("cancelled", "The task was cancelled at the vendor.", reason.upstream_code)
    return reason


def _seconds(task: JsonObject, fps: int | None) -> float | None:
    """The real length; -1 is no length, and a task by frames says frames instead."""
    seconds = number(task.get("duration"))
    if seconds is None or seconds <= 0:
        frames = number(task.get("frames"))
        seconds = None if frames is None or frames <= 0 else round(frames / (fps or FPS), 2)
    return int(seconds) if seconds is not None and seconds.is_integer() else seconds


def _task_usage(task: JsonObject, seconds: float | None) -> Usage:
    usage = table(task.get("usage"))
    return Usage(
        seconds=seconds, output_tokens=whole(usage.get("completion_tokens")), total_tokens=whole(usage.get("total_tokens"))
    )


def _tier(value: Json) -> str | None:
    word = (text(value) or "").lower()
    return _TIERS.get(word, word) or None


def _ratio(value: Json) -> str | None:
    word = text(value)
    return None if word in ("adaptive", "auto") else word


def _pixels(card: ModelCard | None, resolution: str | None, ratio: str | None) -> tuple[int, int] | None:
    if card is None or resolution is None or ratio is None:
        return None
    return card.capabilities.pixels.get(resolution, {}).get(ratio)


def _picture(entry: JsonObject, request: ImageRequest) -> Output | None:
    url, data = web_link(entry.get("url")), decoded(entry.get("b64_json"))
    if entry.get("error") or (url is None and data is None):
        return None
    width, _, height = (text(entry.get("size")) or "").lower().partition("x")
    kind = (text(entry.get("output_format")) or request.output_format or "jpeg").lower()
    return Output(
        url=url,
        data=data,
        mime="image/png" if kind == "png" else "image/jpeg",
        width=whole(width),
        height=whole(height),
    )


def _image_usage(answer: JsonObject, made: int) -> Usage:
    usage = table(answer.get("usage"))
    generated = whole(usage.get("generated_images"))
    return Usage(
        images=made if generated is None else generated,
        output_tokens=whole(usage.get("output_tokens")),
        total_tokens=whole(usage.get("total_tokens")),
    )

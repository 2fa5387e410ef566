"""Reads Vidu's answers: the flat object of a create and the task with its creations."""

from urllib.parse import urlsplit

from app.adapters._fields import items, number, table, text, web_link, whole
from app.adapters._vidu_bodies import LOWEST_TIER
from app.adapters._vidu_errors import failure_of
from app.domain.jobs import Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject
from app.domain.requests import Mode

_IMAGE_MIMES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}


def created(job: Job, task: JsonObject, status: JobStatus) -> Snapshot:
    """The answer to a create, which tells the parameters as they will be applied. Results are for the first poll to tell."""
    failed = status is JobStatus.FAILED
    shaped = job.request.aspect_ratio not in (None, "auto")
    return Snapshot(
        status=JobStatus.IN_PROGRESS if status is JobStatus.COMPLETED else status,
        failure=failure_of(task.get("err_code")) if failed else None,
        seconds=_seconds(job, task),
        resolution=_resolution(job, task),
        aspect_ratio=text(task.get("aspect_ratio")) if shaped else None,
        seed=whole(task.get("seed")),
        facts=_facts(task),
    )


def task_snapshot(job: Job, task: JsonObject, status: JobStatus) -> Snapshot:
    """The answer to a question about a task."""
    done = status is JobStatus.COMPLETED
    creations = [table(entry) for entry in items(task.get("creations"))] if done else []
    outputs = tuple(output for entry in creations if (output := _output(job, entry)) is not None)
    return Snapshot(
        status=status,
        progress=_percent(task.get("progress")),
        outputs=outputs,
        failure=failure_of(task.get("err_code")) if status is JobStatus.FAILED else None,
        usage=_usage(job, len(outputs)) if done else None,
        facts={**_facts(task), **_creation(creations)},
    )


def _output(job: Job, creation: JsonObject) -> Output | None:
    """One result. With a watermark there are two files, and the client asked for the marked one."""
    plain = web_link(creation.get("url"))
    marked = web_link(creation.get("watermarked_url")) if job.request.watermark else None
    url = marked or plain
    if url is None:
        return None
    mime = "video/mp4" if job.op == "video" else _image_mime(url)
    return Output(url=url, mime=mime, thumbnail_url=web_link(creation.get("cover_url")))


def _image_mime(url: str) -> str | None:
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return _IMAGE_MIMES.get(path.rpartition(".")[2].lower())


def _facts(task: JsonObject) -> dict[str, str]:
    """The charge, for whoever reconciles bills; it becomes 0 when the vendor gives it back."""
    credits_ = whole(task.get("credits"))
    return {} if credits_ is None else {"credits": str(credits_)}


def _creation(creations: list[JsonObject]) -> dict[str, str]:
    """The id under which a result can be lengthened."""
    found = next((name for entry in creations if (name := text(entry.get("id")))), None)
    return {} if found is None else {"creation_id": found}


def _usage(job: Job, made: int) -> Usage:
    return Usage(seconds=job.seconds) if job.op == "video" else Usage(images=made)


def _percent(value: Json) -> int | None:
    found = whole(value)
    return None if found is None else min(max(found, 0), 100)


def _seconds(job: Job, task: JsonObject) -> float | None:
    """The length; of an extension the vendor only says how much is added, and 0 means that it will choose."""
    seconds = number(task.get("duration"))
    if seconds is None or seconds <= 0 or job.request.mode is Mode.EXTEND or job.op == "image":
        return None
    return int(seconds) if seconds.is_integer() else seconds


def _resolution(job: Job, task: JsonObject) -> str | None:
    word = text(task.get("resolution"))
    return "1K" if job.op == "image" and word == LOWEST_TIER else word

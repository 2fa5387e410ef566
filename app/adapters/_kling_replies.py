"""Reads Kling's task objects of both generations, whatever may be missing or of another type."""

from collections.abc import Iterator, Mapping, Sequence

from app.adapters._fields import dig, items, number, table, text, web_link
from app.adapters._kling_errors import code_of, error_of, failure_of
from app.adapters.base import Reply
from app.domain.errors import UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject

_NEARLY_WHOLE = 0.25  # seconds that an encoder adds or leaves out: 5.041 was asked and billed as 5
_KINDS = ("video", "image", None)  # outputs of other types belong to other products


def data_of(job: Job, reply: Reply) -> Json:
    """What the envelope holds; an error code in it is an error, whatever the HTTP status."""
    envelope = reply.object()
    if code_of(reply):
        raise error_of(job, reply)
    return envelope.get("data")


def tasks_in(data: Json) -> list[JsonObject]:
    """The task objects of an answer about one task or several."""
    return [data] if isinstance(data, Mapping) else [item for item in items(data) if isinstance(item, Mapping)]


def task_id(task: JsonObject) -> str | None:
    """The vendor's id, digits beyond 2^53: a text in all hands."""
    return text(task.get("task_id")) or text(task.get("id"))


def external_id(task: JsonObject) -> str | None:
    """The id that we gave the task."""
    return text(dig(task, "task_info", "external_task_id")) or text(task.get("external_id"))


def status_word(task: JsonObject) -> Json:
    """The task's own word for its state."""
    return task.get("task_status") or task.get("status")


def task_snapshot(job: Job, task: JsonObject, status: JobStatus) -> Snapshot:
    """A task object whose status is known."""
    done = status is JobStatus.COMPLETED
    entries = list(_entries(task)) if done else []
    outputs = tuple(output for output in (_output(job, entry) for entry in entries) if output is not None)
    video = table(entries[0]) if entries and job.op == "video" else {}
    seconds = _seconds(video.get("duration"))
    failed = status is JobStatus.FAILED
    return Snapshot(
        status=status,
        upstream_id=job.upstream_id or task_id(task),
        outputs=outputs,
        failure=failure_of(task.get("task_status_msg") or task.get("message")) if failed else None,
        usage=_usage(job, seconds, outputs) if done else None,
        seconds=seconds,
        facts=_facts(video_id=text(video.get("id")), units=text(task.get("final_unit_deduction"))),
    )


def required_id(task: JsonObject, reply: Reply) -> str:
    """The id of a task that was just made; raises UpstreamUnreadable."""
    found = task_id(task)
    if found is None:
        raise UpstreamUnreadable("Kling took the task and gave no id.", status=reply.status, body=reply.excerpt())
    return found


def _entries(task: JsonObject) -> Iterator[JsonObject]:
    result = table(task.get("task_result"))
    listed: list[Json] = [*items(result.get("videos")), *_in_order(items(result.get("images")))]
    listed += [*_in_order(items(result.get("series_images"))), *items(task.get("outputs"))]
    return (entry for entry in map(table, listed) if entry.get("type") in _KINDS)


def _in_order(pictures: Sequence[Json]) -> list[Json]:
    return sorted(pictures, key=lambda entry: number(table(entry).get("index")) or 0.0)


def _output(job: Job, entry: JsonObject) -> Output | None:
    url = web_link(entry.get("url")) or web_link(entry.get("watermark_url"))
    if url is None:
        return None
    return Output(url=url, mime="video/mp4" if job.op == "video" else "image/png")


def _seconds(value: Json) -> float | None:
    seconds = number(value)
    if seconds is None or seconds <= 0:
        return None
    nearest = round(seconds)
    return nearest if nearest and abs(seconds - nearest) <= _NEARLY_WHOLE else round(seconds, 2)


def _usage(job: Job, seconds: float | None, outputs: Sequence[Output]) -> Usage:
    return Usage(seconds=seconds) if job.op == "video" else Usage(images=len(outputs))


def _facts(**found: str | None) -> dict[str, str]:
    return {name: value for name, value in found.items() if value is not None}

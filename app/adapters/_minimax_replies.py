"""Reads MiniMax's video answers: Hailuo's in three steps, H3's task objects, whatever may be missing or of another type."""

from app.adapters._fields import number, table, text, web_link, whole
from app.adapters._minimax_errors import error_of, failure_of, problem_of, problem_said
from app.adapters.base import Adapter, Reply, status_of
from app.domain.errors import UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject

_MODERATION = ("1026", "1027")
_TIERS = {"2k": "1440p"}
_NO_FILE = ("", "0")


def accepted(job: Job, reply: Reply) -> Snapshot:
    """A create's answer, of either protocol. An error with HTTP 200 is an error; an id beside a doubtful one is a task."""
    answer = reply.object()
    upstream_id = text(answer.get("task_id")) or text(table(answer.get("task")).get("id"))
    if problem_of(answer) is not None:
        error = error_of(job, reply)
        if upstream_id is None or isinstance(error, UpstreamRefused):
            raise error
    if upstream_id is None:
        raise UpstreamUnreadable("MiniMax took the task and gave no id.", status=reply.status, body=reply.excerpt())
    return Snapshot(status=JobStatus.QUEUED, upstream_id=upstream_id)


def film_answer(adapter: Adapter, job: Job, reply: Reply) -> Snapshot | str:
    """A Hailuo query: how the film is doing, or the id of the finished file."""
    answer = reply.object()
    problem, word = problem_of(answer), text(answer.get("status")) or ""
    withheld = problem is not None and problem.code in _MODERATION
    if withheld or word.lower() in ("fail", "failed"):
        return Snapshot(JobStatus.FAILED, failure=failure_of(problem))
    if problem is not None:
        raise error_of(job, reply)
    status = status_of(adapter, word)
    if status is not JobStatus.COMPLETED:
        return Snapshot(status)
    file_id = text(answer.get("file_id")) or ""
    if file_id in _NO_FILE:
        raise UpstreamUnreadable("MiniMax finished the film and named no file yet.", status=reply.status, body=reply.excerpt())
    return file_id


def film_file(reply: Reply) -> Snapshot:
    """The finished file with its link, which lives for an hour or so; raises UpstreamError while there is none.

    The film itself is done, so no error here says anything about the job: it is asked for again.
    """
    answer = reply.object()
    if problem_of(answer) is not None:
        raise error_of(None, reply)
    file = table(answer.get("file"))
    url = web_link(file.get("download_url")) or web_link(file.get("backup_download_url"))
    if url is None:
        raise UpstreamUnreadable("MiniMax gave no link to the finished film.", status=reply.status, body=reply.excerpt())
    file_id = text(file.get("file_id"))
    facts = {} if file_id is None else {"file_id": file_id}
    return Snapshot(JobStatus.COMPLETED, outputs=(Output(url=url, mime="video/mp4"),), facts=facts)


def task_snapshot(adapter: Adapter, job: Job, reply: Reply) -> Snapshot:
    """An H3 task."""
    answer = reply.object()
    if problem_of(answer) is not None:
        raise error_of(job, reply)
    task = table(answer.get("task")) or answer
    status = status_of(adapter, task.get("status"))
    if status is JobStatus.FAILED:
        return Snapshot(status, failure=_task_failure(task))
    if status is not JobStatus.COMPLETED:
        return Snapshot(status)
    usage = table(task.get("usage"))
    seconds = _seconds(usage.get("output_seconds")) or _seconds(task.get("duration"))
    return Snapshot(
        status,
        outputs=_outputs(table(task.get("content"))),
        usage=Usage(seconds=seconds, total_tokens=whole(usage.get("total_tokens"))),
        seconds=seconds,
        resolution=_tier(task.get("resolution")),
        aspect_ratio=_ratio(task.get("ratio")),
    )


def _outputs(content: JsonObject) -> tuple[Output, ...]:
    url = web_link(content.get("url")) or web_link(content.get("video_url"))
    return () if url is None else (Output(url=url, mime="video/mp4"),)


def _task_failure(task: JsonObject) -> Failure:
    if (text(task.get("status")) or "").lower() == "cancelled":
        return Failure("cancelled", "The task was cancelled at the vendor.")
    return failure_of(problem_said(task.get("error")))


def _seconds(value: Json) -> float | None:
    seconds = number(value)
    if seconds is None or seconds <= 0:
        return None
    return int(seconds) if seconds.is_integer() else seconds


def _tier(value: Json) -> str | None:
    word = (text(value) or "").lower()
    return _TIERS.get(word, word) or None


def _ratio(value: Json) -> str | None:
    word = text(value)
    return None if word in ("adaptive", "auto") else word

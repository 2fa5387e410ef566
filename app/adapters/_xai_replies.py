"""Reads xAI's answers: the request id, the polled video, the list of pictures, whatever may be missing or of another type."""

from collections.abc import Mapping
from dataclasses import replace

from app.adapters._fields import decoded, dig, items, number, table, text, web_link, whole
from app.adapters._xai_errors import error_of, failure_of, is_moderated, withheld
from app.adapters.base import Adapter, Reply, status_of
from app.domain.errors import UpstreamUnreadable
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject
from app.domain.media import MediaType
from app.domain.normalise.sniffing import sniff

_TICKS = 10_000  # of 1e-10 USD, in a micro-dollar


def submitted_snapshot(job: Job, reply: Reply) -> Snapshot:
    """The answer to a video create; raises UpstreamUnreadable when it holds no id."""
    answer = reply.object()
    request_id = text(answer.get("request_id")) or text(answer.get("id"))
    if request_id is not None:
        return Snapshot(status=JobStatus.QUEUED, upstream_id=request_id)
    if answer.get("error"):
        raise error_of(job, reply)
    raise UpstreamUnreadable("xAI took the request and gave no id.", status=reply.status, body=reply.excerpt())


def polled_snapshot(adapter: Adapter, job: Job, reply: Reply) -> Snapshot:
    """The answer to a poll: 202 with or without a body, a finished request, or the 400 of moderation."""
    if reply.status == 202 and not isinstance(reply.json, Mapping):
        return Snapshot(status=JobStatus.QUEUED)
    answer = reply.object()
    if is_moderated(reply):
        return _failed(answer, failure_of(answer))
    status = _status(adapter, job, reply, answer)
    if status is JobStatus.COMPLETED:
        return _finished(answer)
    if status is JobStatus.FAILED:
        return _failed(answer, _failure(answer))
    progress = whole(answer.get("progress")) or 0
    running = JobStatus.IN_PROGRESS if progress > 0 else status
    return Snapshot(status=running, progress=min(max(progress, 0), 100))


def image_snapshot(job: Job, reply: Reply) -> Snapshot:
    """The answer to a picture call; raises UpstreamUnreadable when it holds neither a picture nor a reason for none."""
    answer = reply.object()
    entries = [table(entry) for entry in items(answer.get("data"))]
    outputs = tuple(output for output in map(_picture, entries) if output is not None)
    failures = tuple(withheld() for entry in entries if _is_withheld(entry))
    if not outputs and not failures:
        if answer.get("error"):
            raise error_of(job, reply)
        raise UpstreamUnreadable("xAI answered without a picture.", status=reply.status, body=reply.excerpt())
    return Snapshot(
        status=JobStatus.COMPLETED if outputs else JobStatus.FAILED,
        outputs=outputs,
        failure=None if outputs else failures[0],
        partial_failures=failures if outputs else (),
        usage=Usage(images=len(outputs), micros=_micros(answer)),
        facts=_cost(answer),
    )


def _status(adapter: Adapter, job: Job, reply: Reply, answer: JsonObject) -> JobStatus:
    """By the word; older answers have none and hold a video, a 202 always means that there is none yet."""
    word = answer.get("status")
    if word is None and table(answer.get("video")):
        return JobStatus.COMPLETED
    if word is None and reply.status == 202:
        return JobStatus.QUEUED
    if word is None and answer.get("error"):
        raise error_of(job, reply)
    return status_of(adapter, word)


def _finished(answer: JsonObject) -> Snapshot:
    video = table(answer.get("video"))
    if _is_withheld(video):
        return _failed(answer, withheld())
    url, seconds = _link(video), number(video.get("duration"))
    seconds = seconds if seconds is not None and 0 < seconds <= 3600 else None
    return Snapshot(
        status=JobStatus.COMPLETED,
        outputs=(Output(url=url, mime="video/mp4"),) if url else (),
        failure=None if url else _no_link(video),
        usage=Usage(seconds=seconds, micros=_micros(answer)),
        seconds=int(seconds) if seconds is not None and seconds.is_integer() else seconds,
        facts=_cost(answer),
    )


def _link(entry: JsonObject) -> str | None:
    """The vendor's own link, which lives for a day, or that of the file which the client had stored."""
    return web_link(entry.get("url")) or web_link(dig(entry, "file_output", "public_url"))


def _no_link(video: JsonObject) -> Failure:
    problem = text(video.get("storage_error")) or text(dig(video, "file_output", "public_url_error"))
    return Failure("no_output", "The vendor finished and returned no result.", problem)


def _failure(answer: JsonObject) -> Failure:
    if (text(answer.get("status")) or "").lower() == "expired":
        return Failure("expired", "The vendor no longer keeps this request.")
    return failure_of(answer)


def _is_withheld(entry: JsonObject) -> bool:
    return entry.get("respect_moderation") in (False, "false")


def _picture(entry: JsonObject) -> Output | None:
    url, data = _link(entry), decoded(entry.get("b64_json"))
    if _is_withheld(entry) or (url is None and data is None):
        return None
    return Output(
        url=None if data else url,
        data=data,
        mime=(sniff(data[:32], MediaType.IMAGE) if data else None) or _mime(entry.get("mime_type")),
        revised_prompt=text(entry.get("revised_prompt")),
    )


def _mime(value: Json) -> str:
    mime = (text(value) or "").lower()
    return mime if mime in ("image/png", "image/webp") else "image/jpeg"


def _failed(answer: JsonObject, failure: Failure) -> Snapshot:
    """A failure, billed where the vendor says what it charges for it."""
    micros = _micros(answer)
    usage = None if micros is None else Usage(micros=micros)
    return Snapshot(status=JobStatus.FAILED, failure=replace(failure, billed=bool(micros)), usage=usage, facts=_cost(answer))


def _micros(answer: JsonObject) -> int | None:
    """What the vendor charged, in micro-dollars; a withheld result is charged, too (xai.md §3)."""
    ticks = whole(dig(answer, "usage", "cost_in_usd_ticks"))
    return None if ticks is None or ticks < 0 else -(-ticks // _TICKS)


def _cost(answer: JsonObject) -> dict[str, str]:
    """What the vendor charged, in ticks of 1e-10 USD; a withheld result is charged, too."""
    ticks = whole(dig(answer, "usage", "cost_in_usd_ticks"))
    return {} if ticks is None else {"cost_in_usd_ticks": str(ticks)}

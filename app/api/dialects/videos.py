"""The flat video object of newapi.md §9: OpenAI's keys, and those that the clients of other gateways look for."""

from collections.abc import Callable, Sequence
from typing import Protocol

from app.api.dialects.costs import cost_keys
from app.api.dialects.facts import (
    epoch,
    failure_object,
    file_format,
    length,
    likely_pixels,
    number,
    pixels,
    shape,
    size_text,
    tier,
    warning_list,
)
from app.domain.jobs import Job, JobStatus, Usage, Variant
from app.domain.json import Json


class Link(Protocol):
    """The index of a result, and a variant of it -> its signed URL."""

    def __call__(self, index: int, variant: Variant | None = None) -> str: ...


def video_object(job: Job, link: Link) -> dict[str, Json]:
    """A video job. Every key is always there, except `usage` (unknown), `videos` (one result), `errors` (none), `unpriced`
    (there is a price) and `late` (nothing came after the deadline).

    Never holds a top-level `code`: relays take an answer with one for another format.
    """
    done = job.status is JobStatus.COMPLETED
    url = link(0) if done else None
    seconds = length(job)
    video: dict[str, Json] = {
        "id": job.id,
        "task_id": job.id,
        "object": "video",
        "model": job.model,
        "status": job.status.value,
        "progress": job.progress,
        "created_at": epoch(job.created_at),
        "completed_at": epoch(job.completed_at),
        "expires_at": epoch(job.expires_at),
        "prompt": job.asked.prompt,
        "seconds": "auto" if seconds is None else f"{seconds}",
        "size": size_text(likely_pixels(job)),
        "quality": job.request.quality or "standard",
        "remixed_from_video_id": job.remixed_from,
        "error": failure_object(job.failure, job) if job.failure else None,
        "duration": seconds,
        "resolution": tier(job),
        "aspect_ratio": shape(job),
        "url": url,
        "video_url": url,
        "result_url": url,
        "format": file_format(job.outputs[0] if job.outputs else None, "mp4"),
        "thumbnail_url": link(0, "thumbnail") if done else None,
        "last_frame_url": link(0, "last_frame") if done and wants_last_frame(job) else None,
        "updated_at": epoch(job.updated_at),
        "external_task_id": job.asked.client_task_id,
        "metadata": _metadata(job, url) if url else {},
        "warnings": warning_list(job.notices),
        **cost_keys(job),
    }
    return {**video, **_extras(job, link)}


def wants_last_frame(job: Job) -> bool:
    """Whether the last frame belongs to the result: its client asked for it as Ark's clients do, or its vendor gave it unasked."""
    return job.asked.vendor.get("return_last_frame") is True or any(output.last_frame_url for output in job.outputs[:1])


def video_list(jobs: Sequence[Job], link_of: Callable[[Job], Link], *, has_more: bool) -> dict[str, Json]:
    """One page of videos. `has_more`, `first_id` and `last_id` are always there: a client pages on for ever without them."""
    return {
        "object": "list",
        "data": [video_object(job, link_of(job)) for job in jobs],
        "first_id": jobs[0].id if jobs else None,
        "last_id": jobs[-1].id if jobs else None,
        "has_more": has_more,
    }


def deleted_object(job_id: str) -> dict[str, Json]:
    """The answer to a deletion."""
    return {"id": job_id, "object": "video.deleted", "deleted": True}


def _metadata(job: Job, url: str) -> dict[str, Json]:
    width, height = pixels(job) or (None, None)
    known: dict[str, Json] = {
        "url": url,
        "duration": length(job),
        "fps": job.fps,
        "width": width,
        "height": height,
        "seed": job.seed if job.seed is not None else job.request.seed,
    }
    return {name: value for name, value in known.items() if value is not None}


def _extras(job: Job, link: Link) -> dict[str, Json]:
    extras: dict[str, Json] = {}
    usage = _usage(job.usage)
    if usage:
        extras["usage"] = usage
    if len(job.outputs) > 1:
        extras["videos"] = [{"index": index, "url": link(index)} for index in range(len(job.outputs))]
    if job.partial_failures:
        extras["errors"] = [failure_object(failure, job) for failure in job.partial_failures]
    if job.late_at is not None and job.delivered_late:
        # The job stays failed, because its client was told so; who pays for the result gets it all the same.
        extras["late"] = {"completed_at": epoch(job.late_at), "url": link(0)}
    return extras


def _usage(usage: Usage | None) -> dict[str, Json]:
    if usage is None:
        return {}
    known: dict[str, Json] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens if usage.total_tokens is not None else usage.output_tokens,
        "seconds": number(usage.seconds),
    }
    return {name: value for name, value in known.items() if value is not None}

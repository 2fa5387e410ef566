"""OpenAI's image answer, as one object or as events of a stream (openai.md §2.5 and §2.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pybase64 import b64encode_as_string

from app.api.dialects.costs import cost_keys
from app.api.dialects.facts import epoch, failure_object, file_format, pixels, size_text, warning_list
from app.domain.jobs import Job, JobStatus, Output, Usage
from app.domain.json import Json
from app.domain.requests import ImageRequest

Kind = Literal["image_generation", "image_edit"]
_UNSAID: dict[str, Json] = {"size": "auto", "quality": "auto", "background": "auto", "output_format": "png"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One result as the client gets it: exactly one of link and bytes (base64)."""

    url: str | None = None
    b64_json: str | None = None


def wants_bytes(job: Job, output: Output) -> bool:
    """Whether a result goes into the answer itself: as asked, else as it came from the vendor."""
    asked = job.asked.response_format if isinstance(job.asked, ImageRequest) else None
    if asked is not None:
        return asked == "b64_json"
    return output.url is None or output.url[:5].lower() == "data:"


def image_object(job: Job, pictures: Sequence[Picture]) -> dict[str, Json]:
    """The synchronous answer. What is not known is left out; withheld results stand in `errors`, never in `data`."""
    answer: dict[str, Json] = {
        "created": epoch(job.completed_at or job.created_at),
        "data": [_entry(picture, output) for picture, output in zip(pictures, job.outputs, strict=True)],
        "id": job.id,
        "task_id": job.id,
        "warnings": warning_list(job.notices),
        **cost_keys(job),
        **_known(job),
    }
    usage = usage_object(job.usage)
    if usage:
        answer["usage"] = usage
    if job.partial_failures:
        answer["errors"] = [failure_object(failure, job) for failure in job.partial_failures]
    return answer


def image_job_object(job: Job, pictures: Sequence[Picture]) -> dict[str, Json]:
    """An image job as one polls for it: `data` as in the synchronous answer once it has completed, null before.

    `pictures` are those of the job's outputs. What came after the deadline stands in `late`; `errors` and `unpriced` are only there
    where they are in the synchronous answer.
    """
    made = [_entry(picture, output) for picture, output in zip(pictures, job.outputs, strict=True)]
    done = job.status is JobStatus.COMPLETED
    shown: dict[str, Json] = {
        "id": job.id,
        "task_id": job.id,
        "object": "image.job",
        "status": job.status.value,
        "progress": job.progress,
        "model": job.model,
        "created_at": epoch(job.created_at),
        "completed_at": epoch(job.completed_at),
        "data": made if done else None,
        "usage": usage_object(job.usage) or None,
        "error": failure_object(job.failure, job) if job.failure else None,
        "warnings": warning_list(job.notices),
        **cost_keys(job),
        **(_known(job) if done else {}),
    }
    if job.partial_failures:
        shown["errors"] = [failure_object(failure, job) for failure in job.partial_failures]
    return {**shown, "late": {"completed_at": epoch(job.late_at), "data": made}} if job.delivered_late else shown


def completed_event(kind: Kind, job: Job, index: int, b64_json: str) -> dict[str, Json]:
    """The event that carries one finished picture; the figures of the whole job come with the last one."""
    event: dict[str, Json] = {
        "type": f"{kind}.completed",
        "b64_json": b64_json,
        "created_at": epoch(job.completed_at or job.created_at),
        **_UNSAID,
        **_known(job),
    }
    if index + 1 < len(job.outputs):
        return event
    event |= {"id": job.id, "task_id": job.id, "warnings": warning_list(job.notices), **cost_keys(job)}
    usage = usage_object(job.usage)
    return {**event, "usage": usage} if usage else event


def preview_event(kind: Kind, index: int, data: bytes, now: datetime) -> dict[str, Json]:
    """The event that carries a preview; `index` counts the previews of a picture."""
    return {
        "type": f"{kind}.partial_image",
        "b64_json": b64encode_as_string(data),
        "partial_image_index": index,
        "created_at": epoch(now),
        **_UNSAID,
    }


def usage_object(usage: Usage | None) -> dict[str, Json]:
    """Tokens, complete where any are known; and the number of pictures where the vendor says it."""
    if usage is None:
        return {}
    found: dict[str, Json] = {} if usage.images is None else {"images": usage.images}
    if usage.input_tokens is not None or usage.output_tokens is not None or usage.total_tokens is not None:
        tokens_in, tokens_out = usage.input_tokens or 0, usage.output_tokens or 0
        total = tokens_in + tokens_out if usage.total_tokens is None else usage.total_tokens
        found |= {"input_tokens": tokens_in, "output_tokens": tokens_out, "total_tokens": total}
    return found


def _entry(picture: Picture, output: Output) -> dict[str, Json]:
    entry: dict[str, Json] = {"url": picture.url} if picture.url is not None else {"b64_json": picture.b64_json}
    return {**entry, "revised_prompt": output.revised_prompt} if output.revised_prompt else entry


def _known(job: Job) -> dict[str, Json]:
    request, size = job.request, pixels(job)
    output = job.outputs[0] if job.outputs else None
    known: dict[str, Json] = {
        "size": size_text(size) if size else None,
        "quality": request.quality,
        "output_format": file_format(output, "") or (request.output_format if isinstance(request, ImageRequest) else None),
        "background": request.background if isinstance(request, ImageRequest) else None,
    }
    return {name: value for name, value in known.items() if value is not None}

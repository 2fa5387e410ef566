"""What every dialect says of a job, in the one way in which it is worked out: effective values, else the requested ones."""

from collections.abc import Iterable
from datetime import datetime

from app.api.wording import REQUEST_FAULTS
from app.domain.geometry import pixels_of
from app.domain.jobs import Failure, Job, Output
from app.domain.json import Json
from app.domain.requests import Notice, Request, VideoRequest
from app.engine.failure_text import failure_text


def epoch(moment: datetime | None) -> int | None:
    """Whole Unix seconds; typed clients refuse fractions."""
    return None if moment is None else int(moment.timestamp())


def number(value: float | None) -> int | float | None:
    """A number as people write it: whole where it is whole."""
    return int(value) if value is not None and value == int(value) else value


def length(job: Job) -> int | float | None:
    """Seconds of video: as made, else as ordered, else as asked."""
    for request in (job.request, job.asked):
        if isinstance(request, VideoRequest):
            if job.seconds is not None:
                return number(job.seconds)
            if request.duration is not None:
                return number(request.duration)
            if request.frames is not None and request.fps is not None:
                return number(round(request.frames / request.fps, 2))
    return None


def tier(job: Job) -> str | None:
    """The resolution tier."""
    return job.resolution or job.request.resolution or job.asked.resolution


def shape(job: Job) -> str | None:
    """The aspect ratio; what the client left to the model is not known before the result is."""
    known = job.aspect_ratio or job.request.aspect_ratio or job.asked.aspect_ratio
    return None if known == "auto" else known


def pixels(job: Job) -> tuple[int, int] | None:
    """Width and height that are known: of the result, else as ordered, else as asked where that still stands."""
    for output in job.outputs[:1]:
        if output.width and output.height:
            return output.width, output.height
    for request in (job.request, job.asked):
        if request.width and request.height and _stands(request, job):
            return request.width, request.height
    return None


def likely_pixels(job: Job) -> tuple[int, int]:
    """The known size, or what tier and shape usually mean."""
    known = pixels(job)
    if known is not None:
        return known
    for request_tier, ratio in ((tier(job), shape(job)), (job.request.resolution, job.request.aspect_ratio)):
        try:
            return pixels_of(request_tier, ratio, job.request.op)
        except (ValueError, ZeroDivisionError):
            continue  # a vendor's own word
    return pixels_of(None, None, job.request.op)


def _stands(request: Request, job: Job) -> bool:
    """Whether the pixels of this request agree with tier and shape as they came out."""
    same_tier = tier(job) in (None, request.resolution)
    return same_tier and shape(job) in (None, request.aspect_ratio)


def size_text(size: tuple[int, int]) -> str:
    """`1280x720`."""
    return f"{size[0]}x{size[1]}"


def file_format(output: Output | None, usual: str) -> str:
    """The file ending of a result by its media type."""
    subtype = (output.mime if output and output.mime else "").partition("/")[2].partition(";")[0].strip().lower()
    return {"quicktime": "mov", "jpg": "jpeg", "x-matroska": "mkv"}.get(subtype, subtype) or usual


def warning_list(notices: Iterable[Notice]) -> list[Json]:
    """What was not done as asked."""
    return [{"code": notice.code, "field": notice.field, "from": notice.before, "to": notice.after} for notice in notices]


def failure_object(failure: Failure, job: Job) -> dict[str, Json]:
    """Why the job, or one of its results, failed."""
    if failure.code in REQUEST_FAULTS:
        kind = "invalid_request_error"
    else:
        kind = "upstream_error" if failure.code.startswith("upstream_") else "server_error"
    return {"code": failure.code, "message": failure_text(failure, job), "type": kind}

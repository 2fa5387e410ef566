"""Reads DashScope's answers: tasks of videos and pictures, and pictures at once, whatever may be missing or of another type."""

from dataclasses import replace
from urllib.parse import urlsplit

from app.adapters._dashscope_errors import error_of, failure_of
from app.adapters._fields import dig, items, number, table, text, web_link, whole
from app.adapters.base import Reply
from app.domain.capabilities import ModelCard
from app.domain.errors import UpstreamUnreadable
from app.domain.geometry import ratio_of_pixels, read_pixels, read_ratio, tier_of_pixels
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject

_IMAGE_MIMES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}


def submitted(job: Job, reply: Reply) -> Snapshot:
    """The answer to a create: pictures at once, or the id of a task (its status is better told by the first question).

    Raises UpstreamError for a 200 that carries an error, or nothing usable.
    """
    answer = reply.object()
    output = table(answer.get("output"))
    task_id = text(output.get("task_id"))
    pictures = pictures_snapshot(answer) if job.op == "image" else None
    if pictures is not None and (pictures.outputs or pictures.partial_failures):
        return _ended(pictures)
    if task_id is not None:
        return Snapshot(status=JobStatus.QUEUED, upstream_id=task_id)
    if text(answer.get("code")):
        raise error_of(job, reply)
    raise UpstreamUnreadable("DashScope answered without a task and without a result.", status=reply.status, body=reply.excerpt())


def pictures_snapshot(answer: JsonObject) -> Snapshot:
    """Pictures of either style; a task that brought at least one counts as done, those that failed stand among its results."""
    output, usage = table(answer.get("output")), table(answer.get("usage"))
    size = _picture_size(usage)
    kind = text(usage.get("output_image_type"))
    entries = [table(entry) for entry in items(output.get("results"))]
    made = [_picture(entry.get("url"), size, kind, entry.get("actual_prompt")) for entry in entries]
    made += [_picture(table(part).get("image"), size, kind, None) for part in _parts(output)]
    outputs = tuple(picture for picture in made if picture is not None)
    return Snapshot(
        status=JobStatus.COMPLETED,
        outputs=outputs,
        partial_failures=tuple(failure_of(entry) for entry in entries if text(entry.get("code"))),
        usage=Usage(images=whole(usage.get("image_count")) or len(outputs)),
    )


def video_snapshot(answer: JsonObject, card: ModelCard | None) -> Snapshot:
    """A finished clip. Both families of `usage` are read; `card` tells the pixels of a tier and shape."""
    output, usage = table(answer.get("output")), table(answer.get("usage"))
    size = _video_size(usage)
    tier = _tier(usage.get("SR")) or (tier_of_pixels(*size, "video") if size else None)
    ratio = _ratio(usage.get("ratio")) or (ratio_of_pixels(*size, "video")[0] if size else None)
    seconds = _first_number(usage, "output_video_duration", "video_duration", "duration")
    url = web_link(output.get("video_url"))
    width, height = size or _known_size(card, tier, ratio) or (None, None)
    clip = Output(url, mime="video/mp4", width=width, height=height, revised_prompt=text(output.get("actual_prompt")))
    return Snapshot(
        status=JobStatus.COMPLETED,
        outputs=(clip,) if url else (),
        # billed are the seconds of input and output together
        usage=Usage(seconds=_first_number(usage, "duration", "video_duration", "output_video_duration")),
        seconds=seconds,
        resolution=tier,
        aspect_ratio=ratio,
        fps=whole(usage.get("fps")) or _only_fps(card),
    )


def failed_snapshot(answer: JsonObject, word: Json) -> Snapshot:
    """A task that ended without a result."""
    reason = failure_of(table(answer.get("output")))
    if (text(word) or "").lower() == "canceled":
        reason = Failure("cancelled", "The task was cancelled at the vendor.", reason.upstream_code)
    return Snapshot(status=JobStatus.FAILED, failure=reason)


def _ended(snapshot: Snapshot) -> Snapshot:
    if snapshot.outputs:
        return snapshot
    return replace(snapshot, status=JobStatus.FAILED, failure=snapshot.partial_failures[0], partial_failures=())


def _parts(output: JsonObject) -> list[Json]:
    """Several pictures come as several choices or as several parts of one."""
    return [part for choice in items(output.get("choices")) for part in items(dig(choice, "message", "content"))]


def _picture(link: Json, size: tuple[int | None, int | None], kind: str | None, prompt: Json) -> Output | None:
    url = web_link(link)
    if url is None:
        return None
    ending = (kind or _path(url).rpartition(".")[2]).lower()
    mime = _IMAGE_MIMES.get(ending, "image/png")
    return Output(url, mime=mime, width=size[0], height=size[1], revised_prompt=text(prompt))


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # a bracket that opens no IPv6 address
        return ""


def _picture_size(usage: JsonObject) -> tuple[int | None, int | None]:
    width, height = whole(usage.get("width")), whole(usage.get("height"))
    return width or whole(usage.get("output_width")), height or whole(usage.get("output_height"))


def _video_size(usage: JsonObject) -> tuple[int, int] | None:
    for name in ("size", "video_ratio"):
        pixels = read_pixels(text(usage.get(name)) or "")
        if pixels is not None:
            return pixels
    return None


def _tier(value: Json) -> str | None:
    """`SR` is a number such as 720."""
    digits = (text(value) or "").rstrip("pP")
    lines = whole(digits)
    return f"{lines}p" if lines is not None and lines > 0 else None


def _ratio(value: Json) -> str | None:
    found = read_ratio(text(value) or "")
    return None if found == "auto" else found


def _first_number(usage: JsonObject, *names: str) -> float | None:
    """The first of these that is a length."""
    for name in names:
        seconds = number(usage.get(name))
        if seconds is not None and seconds > 0:
            return int(seconds) if seconds.is_integer() else seconds
    return None


def _known_size(card: ModelCard | None, tier: str | None, ratio: str | None) -> tuple[int, int] | None:
    return None if card is None else card.capabilities.pixels.get(tier or "", {}).get(ratio or "")


def _only_fps(card: ModelCard | None) -> int | None:
    rates = (card.capabilities.fps or ()) if card else ()
    return rates[0] if len(rates) == 1 else None

"""Omni's create call: content blocks, and tags in the prompt that say what each picture and clip is for.

https://ai.google.dev/gemini-api/docs/omni (read 2026-11-20).
"""

import re

from app.adapters._fields import given, text
from app.adapters._google_media import block
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import Mode, VideoRequest

_TASKS = {
    Mode.T2V: "text_to_video",
    Mode.I2V: "image_to_video",
    Mode.FLF2V: "image_to_video",
    Mode.R2V: "reference_to_video",
    Mode.EDIT: "edit",
    Mode.REMIX: "edit",
    Mode.EXTEND: "extend",
}
_TAGS = re.compile(r"<(?:FIRST_FRAME|LAST_FRAME|IMAGE_REF_\d+|VIDEO_REF_\d+|VIDEO_\d+|PREVIOUS_VIDEO)>")
_ORDER = (Role.FIRST_FRAME, Role.LAST_FRAME, Role.SOURCE_VIDEO, Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO)
_FRAMES = {Role.FIRST_FRAME: "<FIRST_FRAME>", Role.LAST_FRAME: "<LAST_FRAME>"}
_REFERENCES = {Role.REFERENCE_IMAGE: "IMAGE_REF", Role.REFERENCE_VIDEO: "VIDEO_REF"}


def omni_body(job: Job, request: VideoRequest, *, vertex: bool) -> dict[str, Json]:
    """The body of an interaction that runs in the background; without that, the call would hold its socket for minutes."""
    media = _in_order(request)
    source = request.first(Role.SOURCE_VIDEO)
    previous = source.src if source and source.form is Form.TASK else text(request.vendor.get("previous_interaction_id"))
    blocks: list[Json] = [block(item) for item in media if item.form is not Form.TASK]
    task = _task(request)
    return given(
        {
            "model": job.upstream_model,
            "background": True,
            "store": True,
            "input": [*blocks, {"type": "text", "text": omni_prompt(request, media)}],
            "response_format": _format(job, request, vertex),
            "generation_config": {"video_config": {"task": task}} if task else None,
            "previous_interaction_id": previous,
        }
    )


def _in_order(request: VideoRequest) -> list[Media]:
    """Frames, source, references; a client who wrote tags counted in an order of its own, which stays."""
    if _TAGS.search(request.prompt or ""):
        return list(request.media)
    return [item for role in _ORDER for item in request.by_role(role)]


def omni_prompt(request: VideoRequest, media: list[Media]) -> str:
    """The prompt with a tag for each medium, unless the client wrote tags; what is not wanted goes into words too."""
    words = request.prompt or ""
    if request.negative_prompt:
        words = f"{words}\nAvoid: {request.negative_prompt}".strip()
    tags = "" if _TAGS.search(words) else _tags(media)
    return f"{tags} {words}".strip()


def _tags(media: list[Media]) -> str:
    """Plain tags where there is one kind of medium only; else declarations that say which medium each tag means."""
    roles = {item.role for item in media}
    if roles <= set(_FRAMES):
        return " ".join(_FRAMES[item.role] for item in media)
    named = _named(media)
    if len(roles) == 1 and Role.SOURCE_VIDEO not in roles:
        return " ".join(tag for _, tag, _ in named)
    sources = " ".join(f"{tag}@{place}" for role, tag, place in named if role not in _REFERENCES)
    references = " ".join(f"{tag}@{place}" for role, tag, place in named if role in _REFERENCES)
    declared = (f"[# Sources {sources}]" if sources else "", f"[# References {references}]" if references else "")
    return " ".join(part for part in declared if part)


def _named(media: list[Media]) -> list[tuple[Role, str, str]]:
    """Each medium's role, its tag (references count from 0), and its place among its kind in the order sent (from 1)."""
    named: list[tuple[Role, str, str]] = []
    places: dict[MediaType, int] = {}
    numbers: dict[Role, int] = {}
    for item in media:
        number = numbers.get(item.role, 0)
        numbers[item.role] = number + 1
        places[item.type] = places.get(item.type, 0) + 1
        named.append((item.role, _tag(item, number), f"{item.type.value.capitalize()}{places[item.type]}"))
    return named


def _tag(item: Media, number: int) -> str:
    if item.role in _REFERENCES:
        return f"<{_REFERENCES[item.role]}_{number}>"
    if item.role is Role.SOURCE_VIDEO:
        return "<PREVIOUS_VIDEO>" if item.form is Form.TASK else f"<VIDEO_{number}>"
    return _FRAMES[item.role]


def _task(request: VideoRequest) -> str | None:
    """Said outright, except for frames beside references, which no task word covers, and for a further turn in words alone."""
    asked = text(request.vendor.get("task"))
    if asked or (request.mode is Mode.T2V and request.vendor.get("previous_interaction_id")):
        return asked
    mixed = request.mode in (Mode.I2V, Mode.FLF2V) and request.by_role(*_REFERENCES)
    return None if mixed else _TASKS.get(request.mode)


def _format(job: Job, request: VideoRequest, vertex: bool) -> dict[str, Json]:
    """Inline results above about 4 MB are unreliable, so files are asked for; Vertex needs a bucket for that."""
    bucket = text(job.settings.get("storage_uri")) if vertex else None
    usual = "uri" if bucket or not vertex else "inline"
    whole = request.duration is None or request.mode in (Mode.EDIT, Mode.REMIX)  # an edit is as long as its source
    return given(
        {
            "type": "video",
            "delivery": text(request.vendor.get("delivery")) or usual,
            "gcs_uri": bucket,
            "aspect_ratio": None if request.aspect_ratio == "auto" else request.aspect_ratio,
            "resolution": "4k" if request.resolution == "2160p" else request.resolution,
            "duration": None if whole else f"{request.duration:g}s",
        }
    )

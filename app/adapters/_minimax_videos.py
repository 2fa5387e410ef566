"""Writes the bodies of MiniMax's two video creates: flat fields for Hailuo, `content[]` for H3."""

import math
from collections.abc import Collection, Mapping

from app.adapters._fields import given, link, table, text
from app.domain.errors import InputRefused
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import ImageRequest, VideoRequest

MEGABYTE = 1_000_000
LARGEST_BODY = 64 * MEGABYTE  # of an H3 task, inline media included
MOST_FILES = 12  # in an H3 task
_FRAMES = (Role.FIRST_FRAME, Role.LAST_FRAME)
_FILM_ROLES = (*_FRAMES, Role.REFERENCE_IMAGE)
_CONTENT_ROLES = (*_FILM_ROLES, Role.REFERENCE_VIDEO, Role.REFERENCE_AUDIO)
_ITEM_TYPES = {MediaType.IMAGE: "image_url", MediaType.VIDEO: "video_url", MediaType.AUDIO: "audio_url"}
_TIERS = {"1440p": "2K"}
_FLAGS = {"true": True, "false": False, "1": True, "0": False}


def film_body(job: Job, request: VideoRequest) -> dict[str, Json]:
    """A Hailuo film; the mode follows from which pictures are there. The vendor's shape is always 16:9 or the picture's."""
    check_media(request, _FILM_ROLES)
    # the page of the subject model names neither, and it makes one length and size anyway
    plain = job.upstream_model.upper().startswith("S2V")
    first, last, subject = (request.first(role) for role in _FILM_ROLES)
    return given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt,
            "first_frame_image": link(first) if first else None,
            "last_frame_image": link(last) if last else None,
            "subject_reference": [{"type": "character", "image": [link(subject)]}] if subject else None,
            "duration": None if plain else _seconds(request),
            "resolution": None if plain or request.resolution is None else request.resolution.upper(),
            "prompt_optimizer": flag(request.vendor, "prompt_optimizer"),
            "fast_pretreatment": flag(request.vendor, "fast_pretreatment"),
            "aigc_watermark": watermark(request),
        }
    )


def content_body(job: Job, request: VideoRequest) -> dict[str, Json]:
    """An H3 task. Frames give the shape themselves, so the ratio goes along only where there are none."""
    check_media(request, _CONTENT_ROLES, schemes=("mm_file",))
    _check_size(request)
    ratio = None if request.aspect_ratio == "auto" or request.by_role(*_FRAMES) else request.aspect_ratio
    expansion = text(request.vendor.get("prompt_expansion_mode")) or text(
        table(request.vendor.get("extra")).get("prompt_expansion_mode")
    )
    return given(
        {
            "model": job.upstream_model,
            "content": [{"type": "text", "text": request.prompt or ""}, *(_item(item) for item in request.media)],
            "resolution": None if request.resolution is None else _TIERS.get(request.resolution, request.resolution.upper()),
            "duration": _seconds(request),
            "ratio": ratio,
            "extra": None if expansion is None else {"prompt_expansion_mode": expansion},
        }
    )


def check_media(request: VideoRequest | ImageRequest, roles: Collection[Role], schemes: Collection[str] = ()) -> None:
    """Raises InputRefused for what no data file ruled out: a role without a field here, another vendor's id."""
    for item in request.media:
        if item.role not in roles:
            role = item.role.value.replace("_", " ")
            raise InputRefused(f"MiniMax takes no {role} here.", param=item.param, code="unsupported_input")
        if item.form in (Form.VERBATIM, Form.TASK) and item.scheme not in schemes:
            raise InputRefused(
                "MiniMax takes a link or the file itself here, no such id.", param=item.param, code="unsupported_input"
            )


def flag(vendor: Mapping[str, Json], name: str) -> bool | None:
    """A switch of the vendor's, also as a form field writes it; None for anything else."""
    return _FLAGS.get((str(vendor.get(name))).lower())


def watermark(request: VideoRequest | ImageRequest) -> bool | None:
    """The mark, only where somebody wants it: the international pages do not know the field."""
    named = flag(request.vendor, "aigc_watermark")
    return named if named is not None else request.watermark or None


def _seconds(request: VideoRequest) -> int | None:
    return None if request.duration is None else math.floor(request.duration + 0.5)


def _item(item: Media) -> Json:
    kind = _ITEM_TYPES[item.type]
    return {"type": kind, kind: {"url": link(item)}, "role": item.role.value}


def _check_size(request: VideoRequest) -> None:
    if len(request.media) > MOST_FILES:
        extra = request.media[MOST_FILES]
        raise InputRefused(f"MiniMax takes at most {MOST_FILES} files.", param=extra.param, code="unsupported_input")
    inline = [item for item in request.media if item.data is not None]
    if sum(len(item.data or b"") for item in inline) * 4 / 3 > LARGEST_BODY - MEGABYTE:
        raise InputRefused("The media are more than the 64 MB that MiniMax takes in one request.", param=inline[-1].param)

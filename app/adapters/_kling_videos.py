"""Writes the bodies of the older generation's video endpoints (the vendor's pages as of 2026-11-20)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from app.adapters._fields import given
from app.adapters._kling_fields import bookkeeping, chosen, element_ids, picture, shape
from app.adapters._kling_routes import EXTEND, IMAGE, OMNI, SUBJECTS, TEXT
from app.domain.capabilities import ModelCard
from app.domain.errors import InputRefused
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.requests import VideoRequest

_TIERS = {"720p": "std", "1080p": "pro", "2160p": "4k"}
_EXTENDABLE = frozenset({"kling-v1", "kling-v1-5", "kling-v1-6"})  # makers of videos that can be lengthened
_SHOTS = ("multi_shot", "shot_type", "multi_prompt")
_TEXT_FIELDS = ("cfg_scale", "camera_control", "voice_list", *_SHOTS)
_IMAGE_FIELDS = (*_TEXT_FIELDS, "static_mask", "dynamic_masks")


def video_body(job: Job, request: VideoRequest, path: str, card: ModelCard | None) -> dict[str, Json]:
    """The body for this path; raises InputRefused for inputs that only the tier or the source rules out."""
    _check_tail(job, request, card)
    if _has(card, "one_tier"):
        request = replace(request, resolution=None)
    fields = _WRITERS[path](request)
    if path != EXTEND:  # an extension is made by the model of its source
        fields = {"model_name": job.upstream_model, **fields}
    return given({**fields, **bookkeeping(job)})


def _text(request: VideoRequest) -> dict[str, Json]:
    return {**_spoken(request), **_made(request), "aspect_ratio": shape(request), **chosen(request, _TEXT_FIELDS)}


def _image(request: VideoRequest) -> dict[str, Json]:
    """The result follows the picture's shape, so no ratio is said."""
    return {
        "image": picture(request.first(Role.FIRST_FRAME)),
        "image_tail": picture(request.first(Role.LAST_FRAME)),
        **_spoken(request),
        **_made(request),
        "element_list": _elements(request),
        **chosen(request, _IMAGE_FIELDS),
    }


def _subjects(request: VideoRequest) -> dict[str, Json]:
    return {
        "image_list": [{"image": picture(item)} for item in request.by_role(Role.REFERENCE_IMAGE)],
        **_spoken(request),
        "mode": _mode(request),
        "duration": _length(request),
        "aspect_ratio": shape(request),
    }


def _omni(request: VideoRequest) -> dict[str, Json]:
    edited = request.first(Role.SOURCE_VIDEO)
    return {
        "image_list": [_omni_picture(item) for item in request.media if item.role in _OMNI_TYPES] or None,
        "video_list": _omni_videos(request),
        "element_list": _elements(request),
        **_made(request),
        "prompt": request.prompt,
        "duration": None if edited else _length(request),  # an edit is as long as its source
        "aspect_ratio": None if edited else shape(request),
        **chosen(request, _SHOTS),
    }


def _extension(request: VideoRequest) -> dict[str, Json]:
    return {"video_id": _source_id(request), **_spoken(request), **chosen(request, ("cfg_scale",))}


_WRITERS: Mapping[str, Callable[[VideoRequest], dict[str, Json]]] = {
    TEXT: _text,
    IMAGE: _image,
    SUBJECTS: _subjects,
    OMNI: _omni,
    EXTEND: _extension,
}
_OMNI_TYPES = {Role.FIRST_FRAME: "first_frame", Role.LAST_FRAME: "end_frame", Role.REFERENCE_IMAGE: None}


def _spoken(request: VideoRequest) -> dict[str, Json]:
    return {"prompt": request.prompt, "negative_prompt": request.negative_prompt}


def _made(request: VideoRequest) -> dict[str, Json]:
    sound = request.generate_audio
    return {
        "mode": _mode(request),
        "duration": _length(request),
        "sound": None if sound is None else "on" if sound else "off",
    }


def _mode(request: VideoRequest) -> str | None:
    """The vendor's word for a tier; the client may have written it itself."""
    return request.quality or _TIERS.get(request.resolution or "")


def _length(request: VideoRequest) -> str | None:
    """Seconds as text: a number is refused."""
    return None if request.duration is None else f"{request.duration:g}"


def _elements(request: VideoRequest) -> list[Json] | None:
    return [{"element_id": identifier} for identifier in element_ids(request)] or None


def _omni_picture(item: Media) -> Json:
    return given({"image_url": picture(item), "type": _OMNI_TYPES[item.role]})


def _omni_videos(request: VideoRequest) -> list[Json] | None:
    """The clip to work on, or to take something from; the vendor's default would be to work on it."""
    kept = chosen(request, ("keep_original_sound",))
    return [
        {"video_url": item.src, "refer_type": "base" if item.role is Role.SOURCE_VIDEO else "feature", **kept}
        for item in request.by_role(Role.SOURCE_VIDEO, Role.REFERENCE_VIDEO)
    ] or None


def _check_tail(job: Job, request: VideoRequest, card: ModelCard | None) -> None:
    """In std most models take the money for a last frame and do nothing with it; whoever says std does not want to pay for pro."""
    tail = request.first(Role.LAST_FRAME)
    if tail is None or card is None or job.asked.quality != "std" or _has(card, "std_tail"):
        return
    raise InputRefused(f"The model {request.model!r} takes a last frame only in pro.", param=tail.param, code="unsupported_input")


def _has(card: ModelCard | None, word: str) -> bool:
    return card is not None and word in (card.capabilities.scalars or ())


def _source_id(request: VideoRequest) -> str:
    """The vendor's id of the source's *video*, which is another than that of its job."""
    source = request.first(Role.SOURCE_VIDEO)
    if source is None:
        raise InputRefused("An extension needs the id of a video.", param="video_id", code="unsupported_input")
    if source.origin is None:
        return source.src
    found, maker = source.origin.facts.get("video_id"), source.origin.facts.get("model")
    if found is None or (maker is not None and maker not in _EXTENDABLE):
        able = ", ".join(sorted(_EXTENDABLE))
        raise InputRefused(f"Kling only extends videos that {able} made.", param=source.param, code="unsupported_input")
    return found

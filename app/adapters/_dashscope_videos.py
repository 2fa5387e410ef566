"""Writes the body of a DashScope video task in each of the vendor's input protocols (its pages as of 2026-11-20)."""

import math
from collections.abc import Callable, Mapping

from app.adapters._dashscope_media import source
from app.adapters._dashscope_models import Inputs, Sound, VideoWire, video_wire
from app.adapters._fields import given
from app.domain.capabilities import ModelCard
from app.domain.errors import InputRefused
from app.domain.geometry import pixels_of
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.requests import Mode, VideoRequest

_REFERENCES = (Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO)
_ITEM_TYPES = {
    Role.FIRST_FRAME: "first_frame",
    Role.LAST_FRAME: "last_frame",
    Role.REFERENCE_IMAGE: "reference_image",
    Role.REFERENCE_VIDEO: "reference_video",
    Role.SOURCE_VIDEO: "video",
    Role.REFERENCE_AUDIO: "reference_audio",
}
_INPUT_FIELDS = ("template", "function", "mask_image_url", "mask_video_url", "mask_frame_id", "mask_type")
_PARAMETERS = ("prompt_extend", "shot_type", "audio_setting", "enable_thinking", "obj_or_bg", "control_condition")


def video_body(job: Job, request: VideoRequest, card: ModelCard | None) -> dict[str, Json]:
    """The body of a video task; `card` is what is known of the upstream model. Raises InputRefused for media that do not fit."""
    wire = video_wire(job.upstream_model)
    _check_references(request, wire)
    inputs = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        **_WRITERS[wire.inputs](request, wire),
        **_chosen(request.vendor, _INPUT_FIELDS),
    }
    parameters = {
        **_chosen(request.vendor, _PARAMETERS),
        **(_pixels(request, card) if wire.pixels else _tier(request, wire, job.upstream_model)),
        "duration": _duration(request, card),
        "seed": request.seed,
        "audio": request.generate_audio,
        # always said: the default is on for some families, and the vendor's pages disagree about others
        "watermark": bool(request.watermark),
    }
    return {"model": job.upstream_model, "input": given(inputs), "parameters": given(parameters)}


def _chosen(vendor: Mapping[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    return {name: vendor[name] for name in names if name in vendor}


def _media(request: VideoRequest, wire: VideoWire) -> dict[str, Json]:
    """Typed items in the client's order, which is what "Image 1" in the prompt counts."""
    sound = request.first(Role.REFERENCE_AUDIO)
    apart = sound is not None and wire.sound in (Sound.VOICE, Sound.BESIDE)
    listed = [item for item in request.media if not (apart and item.role is Role.REFERENCE_AUDIO)]
    items = [{"type": _item_type(item, request, wire), "url": source(item)} for item in listed]
    if sound is not None and wire.sound is Sound.VOICE:
        speaker = next(place for place, item in enumerate(listed) if item.role in _REFERENCES)
        items[speaker]["reference_voice"] = source(sound)
    beside = source(sound) if sound is not None and wire.sound is Sound.BESIDE else None
    return {"media": items or None, "audio_url": beside}


def _item_type(item: Media, request: VideoRequest, wire: VideoWire) -> str:
    if item.role is Role.SOURCE_VIDEO and request.mode is Mode.EXTEND:
        return "first_clip"
    if item.role is Role.REFERENCE_AUDIO and wire.sound is Sound.DRIVING:
        return "driving_audio"
    return _ITEM_TYPES[item.role]


def _flat(request: VideoRequest, wire: VideoWire) -> dict[str, Json]:
    return {"img_url": _one(request, Role.FIRST_FRAME), "audio_url": _one(request, Role.REFERENCE_AUDIO)}


def _frames(request: VideoRequest, wire: VideoWire) -> dict[str, Json]:
    return {"first_frame_url": _one(request, Role.FIRST_FRAME), "last_frame_url": _one(request, Role.LAST_FRAME)}


def _references(request: VideoRequest, wire: VideoWire) -> dict[str, Json]:
    return {"reference_urls": [source(item) for item in request.by_role(*_REFERENCES)]}


def _function(request: VideoRequest, wire: VideoWire) -> dict[str, Json]:
    """One model, several functions; the client may name another in `metadata.function`."""
    clip = _one(request, Role.SOURCE_VIDEO)
    pictures: list[Json] = [source(item) for item in request.by_role(Role.REFERENCE_IMAGE)]
    if request.mode is Mode.EXTEND:
        return {"function": "video_extension", "first_clip_url": clip}
    masked = any(name.startswith("mask_") for name in request.vendor)
    edit = "video_edit" if masked else "video_repainting"
    return {
        "function": edit if clip else "image_reference",
        "video_url": clip,
        "ref_images_url": pictures or None,
    }


_WRITERS: Mapping[Inputs, Callable[[VideoRequest, VideoWire], dict[str, Json]]] = {
    Inputs.MEDIA: _media,
    Inputs.FLAT: _flat,
    Inputs.FRAMES: _frames,
    Inputs.REFERENCES: _references,
    Inputs.FUNCTION: _function,
}


def _one(request: VideoRequest, role: Role) -> str | None:
    item = request.first(role)
    return None if item is None else source(item)


def _pixels(request: VideoRequest, card: ModelCard | None) -> dict[str, Json]:
    """`1280*720`; the vendor's separator is a star. A model that follows its input has neither tier nor shape here."""
    ratio = None if request.aspect_ratio == "auto" else request.aspect_ratio
    if request.width is not None and request.height is not None:
        return {"size": f"{request.width}*{request.height}"}
    if request.resolution is None and ratio is None:
        return {}
    known = {} if card is None else card.capabilities.pixels.get(request.resolution or "", {})
    width, height = known.get(ratio or "16:9") or pixels_of(request.resolution, ratio, "video")
    return {"size": f"{width}*{height}"}


def _tier(request: VideoRequest, wire: VideoWire, model: str) -> dict[str, Json]:
    """`720P`, with a capital; `auto` is a shape of its own on Wan 3 alone."""
    ratio = request.aspect_ratio
    if ratio == "auto":
        ratio = "adaptive" if model.startswith("wan3") else None
    tier = None if request.resolution is None else request.resolution.upper()
    return {"resolution": tier, "ratio": ratio if wire.inputs is Inputs.MEDIA else None}


def _duration(request: VideoRequest, card: ModelCard | None) -> int | None:
    """Whole seconds. -1 lets the model choose; a model of one length has no such field."""
    if request.duration_auto:
        return -1
    fixed = card is not None and len(card.capabilities.durations or ()) == 1
    return None if request.duration is None or fixed else math.floor(request.duration + 0.5)


def _check_references(request: VideoRequest, wire: VideoWire) -> None:
    references = request.by_role(*_REFERENCES)
    if wire.most_references is not None and len(references) > wire.most_references:
        raise InputRefused(
            f"The model {request.model!r} takes at most {wire.most_references} pictures and clips together.",
            param=references[wire.most_references].param,
            code="unsupported_input",
        )
    sound = request.first(Role.REFERENCE_AUDIO)
    if sound is not None and wire.sound is Sound.VOICE and not references:
        raise InputRefused(
            f"The model {request.model!r} takes a voice only for a reference picture or clip.",
            param=sound.param,
            code="unsupported_input",
        )

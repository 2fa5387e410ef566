"""Writes the bodies of Ark's two create calls: a video task and an image (the vendor's pages as of 2026-11-20)."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.adapters._fields import given, link, text
from app.domain.capabilities import ModelCard
from app.domain.errors import InputRefused
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, VideoRequest

MEBIBYTE = 1024 * 1024
LARGEST_BODY = 64 * MEBIBYTE  # of a video task, inline media included
_VIDEO_FIELDS = (
    "return_last_frame",
    "service_tier",
    "execution_expires_after",
    "draft",
    "priority",
    "tools",
    "output_format",
    "omni_reference_task_type",
)
_IMAGE_FIELDS = (
    "guidance_scale",
    "sequential_image_generation",
    "sequential_image_generation_options",
    "optimize_prompt_options",
    "tools",
    "layer_decomposition",
)
_RESHAPING = ("edit", "extend")  # tasks whose result has the shape of their source
_SUBTYPES = {"audio/mpeg": "audio/mp3", "audio/x-wav": "audio/wav"}  # data URIs carry the format's name
_ITEM_TYPES = {MediaType.IMAGE: "image_url", MediaType.VIDEO: "video_url", MediaType.AUDIO: "audio_url"}


def video_body(job: Job, request: VideoRequest, card: ModelCard | None) -> dict[str, Json]:
    """The body of a video task; raises InputRefused for media that no data file can rule out.

    `card` is what is known of the upstream model, None for endpoint ids and new models.
    """
    _check_media(request, card)
    vendor = _chosen(request.vendor, _VIDEO_FIELDS)
    task_type = text(vendor.get("omni_reference_task_type")) or _task_type(request)
    return given(
        {
            **vendor,
            "model": job.upstream_model,
            "content": _content(request),
            "omni_reference_task_type": task_type,
            "resolution": _resolution(job, request, vendor),
            "ratio": "adaptive" if task_type in _RESHAPING or request.aspect_ratio == "auto" else request.aspect_ratio,
            "duration": None if request.frames is not None else _duration(request, task_type),
            "frames": request.frames,
            "seed": request.seed,
            "camera_fixed": request.camera_fixed,
            "watermark": bool(request.watermark),
            "generate_audio": _generate_audio(request, card),
            "safety_identifier": safety_identifier(request.user),
            "callback_url": job.callback,
        }
    )


def image_body(job: Job, request: ImageRequest, card: ModelCard | None) -> dict[str, Json]:
    """The body of an image call. One picture in is the bare string, several are a list; the vendor's default mark is on."""
    pictures = [link(item) for item in request.by_role(Role.IMAGE)]
    chooses_format = card is None or "png" in (card.capabilities.output_formats or ())
    return given(
        {
            **_chosen(request.vendor, _IMAGE_FIELDS),
            "model": job.upstream_model,
            "prompt": request.prompt,
            "image": pictures[0] if len(pictures) == 1 else pictures or None,
            "size": _image_size(request),
            "seed": request.seed,
            "output_format": request.output_format if chooses_format else None,
            "response_format": request.response_format,
            "watermark": bool(request.watermark),
        }
    )


def honours(card: ModelCard | None, scalar: str) -> bool:
    """Whether the data file says that the model has this; False for unknown models."""
    return card is not None and scalar in (card.capabilities.scalars or ())


def safety_identifier(user: str | None) -> str | None:
    """The client's name for its user in at most 64 characters; a longer one becomes its SHA-256."""
    if user is None or len(user) <= 64:
        return user
    return hashlib.sha256(user.encode()).hexdigest()


def content_media(request: VideoRequest, index: int) -> Media | None:
    """The medium that stands at this place of `content`; the text, if any, comes first."""
    place = index - (1 if request.prompt else 0)
    return request.media[place] if 0 <= place < len(request.media) else None


def _chosen(vendor: Mapping[str, Json], names: Sequence[str]) -> dict[str, Json]:
    return {name: vendor[name] for name in names if name in vendor}


def _content(request: VideoRequest) -> list[Json]:
    spoken: list[Json] = [{"type": "text", "text": request.prompt}] if request.prompt else []
    return [*spoken, *(_item(item) for item in request.media)]


def _item(item: Media) -> Json:
    """The role is always said: it may only be left out where there is one picture and nothing else."""
    kind = _ITEM_TYPES[item.type]
    role = Role.REFERENCE_VIDEO if item.role is Role.SOURCE_VIDEO else item.role
    named = replace(item, mime=_SUBTYPES.get(item.mime or "", item.mime))
    return {"type": kind, kind: {"url": link(named)}, "role": role.value}


def _task_type(request: VideoRequest) -> str | None:
    """Said outright, a wrong combination is refused at once; else the vendor guesses from the prompt and fails later."""
    return request.mode.value if request.mode in (Mode.EDIT, Mode.EXTEND) else None


def _resolution(job: Job, request: VideoRequest, vendor: Mapping[str, Json]) -> str | None:
    asked = job.asked
    if vendor.get("draft") is True and asked.resolution is None and asked.width is None:
        return "480p"  # the only one that a draft has
    return "4k" if request.resolution == "2160p" else request.resolution


def _duration(request: VideoRequest, task_type: str | None) -> int | None:
    if request.duration_auto or task_type == "edit":
        return -1
    return None if request.duration is None else math.floor(request.duration + 0.5)


def _generate_audio(request: VideoRequest, card: ModelCard | None) -> bool | None:
    if request.generate_audio is None and honours(card, "generate_audio"):
        return True  # the vendor's default, said so that the record shows it
    return request.generate_audio


def _image_size(request: ImageRequest) -> str | None:
    if request.width is not None and request.height is not None:
        return f"{request.width}x{request.height}"
    return request.resolution


def _check_media(request: VideoRequest, card: ModelCard | None) -> None:
    for item in request.media:
        if item.form is Form.VERBATIM and item.scheme != "asset":
            raise InputRefused(
                f"Ark knows links and asset:// ids, not {item.scheme}: ones.", param=item.param, code="unsupported_input"
            )
    sounds = request.by_role(Role.REFERENCE_AUDIO)
    if sounds and len(sounds) == len(request.media) and card is not None and not honours(card, "audio_alone"):
        raise InputRefused(
            f"The model {request.model!r} takes a sound only beside a picture or a video.",
            param=sounds[0].param,
            code="unsupported_input",
        )
    inline = [item for item in request.media if item.data is not None]
    if sum(len(item.data or b"") for item in inline) * 4 / 3 > LARGEST_BODY - MEBIBYTE:
        raise InputRefused("The media are more than the 64 MiB that Ark takes in one request.", param=inline[-1].param)

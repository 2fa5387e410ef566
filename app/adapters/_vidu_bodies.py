"""Writes the bodies of Vidu's create calls (the vendor's pages as of 2026-11-20)."""

import math
from collections.abc import Mapping, Sequence

from app.adapters._fields import given, link
from app.adapters._vidu_modes import Wish, has_subjects
from app.domain.capabilities import ModelCard
from app.domain.errors import InputRefused, InvalidRequest
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Form, Media, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest

# the vendor takes 20 MB in one body; near that, creates time out (two users), and prompt and payload want room
MOST_INLINE = 18_000_000  # bytes of base64
LOWEST_TIER = "1080p"  # the vendor's name for what we call 1K
_FIELDS = (
    *("movement_amplitude", "style", "bgm", "audio_type", "voice_id", "is_rec", "off_peak"),
    *("wm_position", "wm_url", "meta_data"),
)


def video_body(job: Job, wish: Wish, card: ModelCard | None) -> dict[str, Json]:
    """The body of a video task; `card` is what is known of the model that makes it. Raises InvalidRequest."""
    request = wish.request
    _check_size(request)
    chosen = {name: request.vendor[name] for name in _FIELDS if name in request.vendor}
    return given(
        {
            **chosen,
            "model": wish.model,
            "prompt": request.prompt,
            **_media(request),
            "duration": _duration(request),
            "seed": request.seed,
            "aspect_ratio": None if request.aspect_ratio == "auto" else request.aspect_ratio,
            "resolution": request.resolution,
            "audio": _audio(request, card),
            "watermark": request.watermark,
            **_ours(job, request),
        }
    )


def image_body(job: Job, request: ImageRequest, card: ModelCard | None) -> dict[str, Json]:
    """The body of a picture task."""
    _check_size(request)
    pictures = request.by_role(Role.IMAGE)
    return given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt,
            "images": _links(pictures),
            "seed": request.seed,
            "aspect_ratio": _picture_ratio(request, card),
            "resolution": LOWEST_TIER if request.resolution == "1K" else request.resolution,
            **_ours(job, request),
        }
    )


def is_off_peak(vendor: Mapping[str, Json]) -> bool:
    """Whether the task may wait for the night."""
    return vendor.get("off_peak") is True


def _ours(job: Job, request: Request) -> dict[str, Json]:
    """What the vendor carries for us. Its `payload` comes back in every answer: the client's, else the job's id."""
    return {"payload": request.vendor.get("payload") or job.id, "callback_url": job.callback}


def _media(request: VideoRequest) -> dict[str, Json]:
    if request.mode is Mode.EXTEND:
        return {**_source(request), "images": _links(request.by_role(Role.LAST_FRAME))}
    if has_subjects(request.vendor):
        return {"subjects": request.vendor.get("subjects"), "auto_subjects": request.vendor.get("auto_subjects")}
    frames = (*request.by_role(Role.FIRST_FRAME), *request.by_role(Role.LAST_FRAME))
    return {
        "images": _links(frames or request.by_role(Role.REFERENCE_IMAGE)),
        "videos": _links(request.by_role(Role.REFERENCE_VIDEO)),
    }


def _links(media: Sequence[Media]) -> list[Json] | None:
    return [link(item) for item in media] or None


def _source(request: VideoRequest) -> dict[str, Json]:
    """What is lengthened: a link, or the vendor's id of a creation, which is not the id of its task."""
    source = request.first(Role.SOURCE_VIDEO)
    if source is None:
        raise InvalidRequest("The video to start from is missing.", param="video", code="missing_required_parameter")
    if source.form is not Form.TASK:
        return {"video_url": source.src}
    creation = source.origin.facts.get("creation_id") if source.origin else source.src
    if creation is None:
        raise InputRefused("Vidu gave no id for the result of that job.", param=source.param, code="unsupported_input")
    return {"video_creation_id": creation}


def _duration(request: VideoRequest) -> int | None:
    if request.duration_auto:
        return 0
    return None if request.duration is None else math.floor(request.duration + 0.5)


def _audio(request: VideoRequest, card: ModelCard | None) -> bool | None:
    """The vendor's default is said outright, so that the record shows it. At night sound is all or nothing."""
    always = card is not None and "sound_by_default" in (card.capabilities.scalars or ())
    audio = True if request.generate_audio is None and always else request.generate_audio
    if card is not None and is_off_peak(request.vendor) and bool(audio) is not always:
        raise InvalidRequest(
            f"Off-peak, the model {request.model!r} makes videos only with{'' if always else 'out'} sound.",
            param=request.client_name("generate_audio"),
            code="conflicting_parameters",
        )
    return audio


def _picture_ratio(request: ImageRequest, card: ModelCard | None) -> str | None:
    """`auto` is the shape of the first picture, where there is one and the model knows the word."""
    if request.aspect_ratio != "auto":
        return request.aspect_ratio
    knows = card is None or "auto" in (card.capabilities.aspect_ratios or ())
    return "auto" if knows and request.media else None


def _check_size(request: Request) -> None:
    inline = [item for item in request.media if item.data is not None]
    if sum(len(item.data or b"") for item in inline) * 4 / 3 > MOST_INLINE:
        raise InputRefused(
            "The media are more than Vidu takes in one request: give links to them.",
            param=inline[-1].param,
            code="unsupported_input",
        )

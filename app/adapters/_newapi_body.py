"""The video body that new-api and the gateways around it read (newapi.md §2, §8).

Everybody reads another part of it: new-api `image`, `images`, `size`, `seconds`, `duration`, `mode` (Kling's quality) and
`metadata`, which it merges into the vendor's own body; other relays the plain names at the top level; Filmgate both. So
a scalar stands in both places with one value, pictures stand in `images` and, as soon as one needs a role, in
`metadata.content` too, which new-api's Seedance channel takes in place of `images`.
"""

from app.adapters._fields import given
from app.adapters._openai_form import forwarded, linked
from app.domain.geometry import pixels_of
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import Mode, VideoRequest

_QUALITY_MODES = frozenset({"std", "pro"})
_WORDS = {Mode.FLF2V: "i2v_first_last"}
# what a client may set although it chooses a variant: Jimeng channels are steered by it (seed 2)
_ALLOWED = frozenset({"req_key"})


def video_body(job: Job, request: VideoRequest) -> dict[str, Json]:
    """The whole JSON body."""
    shared = _shared(request)
    body = given({**_plain(job, request), **shared, **_media(request)})
    metadata = given({**shared, "ratio": request.aspect_ratio, "frames": request.frames, **_tail(request)})
    content = _content(request)
    if content:
        metadata["content"] = content
    metadata |= forwarded(request.vendor, (*metadata, "content"), _ALLOWED)
    return {**body, "metadata": metadata} if metadata else body


def _plain(job: Job, request: VideoRequest) -> dict[str, Json]:
    """What only stands at the top level."""
    duration, quality = request.duration, request.quality
    by_mode = quality in _QUALITY_MODES
    return {
        "model": job.upstream_model,
        "model_name": request.model_variant if job.upstream_model == job.model else None,
        "prompt": request.prompt,
        "seconds": None if duration is None else f"{duration:g}",
        "duration": -1 if request.duration_auto else int(duration) if duration is not None and duration == int(duration) else None,
        "size": _size(job, request),
        "width": request.width if request.height is None else None,
        "height": request.height if request.width is None else None,
        "mode": quality if by_mode else None,
        "quality": None if by_mode else quality,
        # not `mode`: new-api hands that to Kling as its quality
        "function_mode": _WORDS.get(request.mode, request.mode.value) if request.media else None,
        "fps": request.fps,
        "n": request.n if request.n > 1 else None,
        "user": request.user,
    }


def _shared(request: VideoRequest) -> dict[str, Json]:
    """What stands at the top level and in `metadata`."""
    return {
        "resolution": request.resolution,
        "aspect_ratio": request.aspect_ratio,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "generate_audio": request.generate_audio,
        "watermark": request.watermark,
        "camera_fixed": request.camera_fixed,
    }


def _size(job: Job, request: VideoRequest) -> str | None:
    """The client's pixels. Sora channels know no other word for shape and tier, so there they are worked out."""
    width, height, ratio = request.width, request.height, request.aspect_ratio
    if (width is None or height is None) and ratio not in (None, "auto") and job.upstream_model.startswith("sora"):
        width, height = pixels_of(request.resolution, ratio, "video")
    return None if width is None or height is None else f"{width}x{height}"


def _media(request: VideoRequest) -> dict[str, Json]:
    pictures, first, source = _pictures(request), request.first(Role.FIRST_FRAME), request.first(Role.SOURCE_VIDEO)
    identifiers = [_identifier(item) for item in request.media if _by_id(item)]
    return {
        "image": linked(first) if first else None,
        "images": None if not pictures or pictures == [first] else [linked(item) for item in pictures],
        "reference_images": _links(request, Role.REFERENCE_IMAGE),
        "video_id": identifiers[0] if identifiers else None,
        "video_url": linked(source) if source and not _by_id(source) else None,
        "video_urls": _links(request, Role.REFERENCE_VIDEO),
        "audio_urls": _links(request, Role.REFERENCE_AUDIO),
    }


def _links(request: VideoRequest, role: Role) -> list[Json] | None:
    return [linked(item) for item in request.by_role(role) if not _by_id(item)] or None


def _tail(request: VideoRequest) -> dict[str, Json]:
    last = request.first(Role.LAST_FRAME)
    return {"image_tail": linked(last) if last else None}


def _pictures(request: VideoRequest) -> list[Media]:
    """First frame, last frame, references: new-api goes by the place in the list, so nothing may stand first by accident."""
    roles = (Role.FIRST_FRAME, Role.LAST_FRAME) if request.first(Role.FIRST_FRAME) else ()
    return [item for role in (*roles, Role.REFERENCE_IMAGE) for item in request.by_role(role)]


def _content(request: VideoRequest) -> list[Json]:
    """The typed list, where one picture as the first frame is not all there is."""
    listed = [item for item in request.media if not _by_id(item)]
    if len(listed) == 1 and listed[0].role is Role.FIRST_FRAME and request.mode is Mode.I2V:
        return []
    return [_content_item(item) for item in listed]


def _content_item(item: Media) -> Json:
    key = f"{item.type.value}_url"
    return {"type": key, key: {"url": linked(item)}, "role": item.role.value}


def _by_id(item: Media) -> bool:
    return item.type is MediaType.VIDEO and item.form in (Form.VERBATIM, Form.TASK) and "://" not in item.src


def _identifier(item: Media) -> str:
    return item.src.removeprefix("task:")

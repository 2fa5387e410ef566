"""Writes the bodies of Jimeng's calls: films and pictures to make, and the question about a task."""

import json
from collections.abc import Mapping, Sequence

from app.adapters._fields import base64_text, given
from app.adapters._jimeng_models import card_of, honours
from app.domain.errors import InputRefused, InvalidRequest
from app.domain.geometry import tier_pixels
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.requests import ImageRequest, VideoRequest

_FPS = 24
_VIDEO_FIELDS = ("template_id", "camera_strength")
_IMAGE_FIELDS = ("scale", "use_pre_llm", "use_sr", "force_single", "min_ratio", "max_ratio")


def video_body(request: VideoRequest, req_key: str) -> dict[str, Json]:
    """The body of a film. The shape is left out where the picture gives it: an empty one is an error."""
    return given(
        {
            **_chosen(request.vendor, _VIDEO_FIELDS),
            "req_key": req_key,
            "prompt": request.prompt or None,
            **_pictures(request.by_role(Role.FIRST_FRAME, Role.LAST_FRAME)),
            "seed": request.seed,
            "frames": _frames(request, req_key),
            "aspect_ratio": None if request.aspect_ratio == "auto" else request.aspect_ratio,
        }
    )


def image_body(job: Job, request: ImageRequest, req_key: str) -> dict[str, Json]:
    """The body of a picture. Models that would make several of them are told to make one, unless the client says otherwise."""
    _check_mask(request, req_key)
    at_once, single = honours(req_key, "at_once"), honours(req_key, "single")
    callback = job.callback if single else None  # documented for these models only
    return given(
        {
            "force_single": True if single else None,
            **_chosen(request.vendor, _IMAGE_FIELDS),
            "req_key": req_key,
            "prompt": request.prompt or None,
            **_pictures((*request.by_role(Role.IMAGE), *request.by_role(Role.MASK))),
            **_size(request, req_key),
            "seed": request.seed,
            "logo_info": _logo(request) if at_once else None,
            "callback_url": callback,
            "return_url": True if at_once or callback else None,
        }
    )


def status_body(job: Job, req_key: str) -> dict[str, Json]:
    """The question about a task; for pictures it says how they are to be handed over, links because bytes would be megabytes."""
    request = job.request
    wishes = None
    if isinstance(request, ImageRequest):
        wanted = given({"return_url": True, "logo_info": _logo(request), "aigc_meta": request.vendor.get("aigc_meta")})
        wishes = json.dumps(wanted, ensure_ascii=False)
    return given({"req_key": req_key, "task_id": job.upstream_id, "req_json": wishes})


def _chosen(vendor: Mapping[str, Json], names: Sequence[str]) -> dict[str, Json]:
    return {name: vendor[name] for name in names if name in vendor}


def _pictures(media: Sequence[Media]) -> dict[str, Json]:
    """All as links, or all as bare base64: the vendor takes one of the two lists."""
    inline = [item for item in media if item.data is not None]
    if inline and len(inline) < len(media):
        raise InputRefused("Jimeng takes links or files, not both in one request.", param=inline[0].param, code="unsupported_input")
    if inline:
        return {"binary_data_base64": [base64_text(item) for item in inline]}
    return {"image_urls": [item.src for item in media]} if media else {}


def _frames(request: VideoRequest, req_key: str) -> int | None:
    """The first frame counts extra: five seconds are 121."""
    card = card_of(req_key)
    if card is not None and card.capabilities.frames is None:
        return None
    if request.frames is not None or request.duration is None:
        return request.frames
    return round(request.duration * _FPS) + 1


def _size(request: ImageRequest, req_key: str) -> dict[str, Json]:
    """Both sides; for a tier alone the model's square of it, or the area where the model chooses the shape."""
    if request.width is not None and request.height is not None:
        return {"width": request.width, "height": request.height}
    if request.resolution is None:
        return {}
    card = card_of(req_key)
    if card is None or honours(req_key, "single"):
        return {"size": tier_pixels(request.resolution)}
    width, height = card.capabilities.pixels[request.resolution]["1:1"]
    return {"width": width, "height": height}


def _logo(request: ImageRequest) -> Json:
    """The vendor's mark: what the client set of it, and whether it wants one."""
    own = request.vendor.get("logo_info")
    if request.watermark is None:
        return own
    return {**(own if isinstance(own, Mapping) else {}), "add_logo": request.watermark}


def _check_mask(request: ImageRequest, req_key: str) -> None:
    card = card_of(req_key)
    needed = card is not None and Role.MASK in (card.capabilities.inputs or {})
    if needed and request.first(Role.MASK) is None:
        raise InvalidRequest(
            f"The model {request.model!r} needs a mask beside the picture.", code="missing_required_parameter", param="mask"
        )

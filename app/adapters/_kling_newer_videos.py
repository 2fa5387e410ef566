"""Writes the bodies of the newer generation, whose paths name the model (the vendor's pages as of 2026-11-20)."""

from collections.abc import Sequence

from app.adapters._fields import given, text
from app.adapters._kling_fields import bookkeeping, element_ids, picture, shape
from app.domain.capabilities import ModelCard
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.requests import VideoRequest

_TEXT = "/text-to-video/"
_IMAGE = "/image-to-video/"
_TYPES = {
    Role.FIRST_FRAME: "first_frame",
    Role.LAST_FRAME: "last_frame",
    Role.REFERENCE_IMAGE: "refer_image",
    Role.REFERENCE_VIDEO: "feature_video",
    Role.SOURCE_VIDEO: "base_video",
}
_TIERS = {"std": "720p", "pro": "1080p"}  # the older API's words, where nothing else is known of a model
_REFERRED = {Role.REFERENCE_IMAGE: "image", Role.REFERENCE_VIDEO: "video", Role.SOURCE_VIDEO: "video"}


def newer_video_body(job: Job, request: VideoRequest, path: str, card: ModelCard | None) -> dict[str, Json]:
    """The body for this path: what to show, how to make it, and what is about the job itself."""
    told: dict[str, Json] = {"contents": _contents(request)}
    if path.startswith(_TEXT):
        told = {"prompt": request.prompt}
    return {**told, "settings": _settings(request, path, card), "options": bookkeeping(job)}


def _contents(request: VideoRequest) -> list[Json]:
    spoken: list[Json] = [{"type": "prompt", "text": request.prompt}] if request.prompt else []
    elements: list[Json] = [{"type": "element", "element_id": text(found)} for found in element_ids(request)]
    return [*spoken, *_items(request.media), *elements]


def _items(media: Sequence[Media]) -> list[Json]:
    """Each medium; references get ids, so that a prompt can name them: @image_1, @image_2, @video_1."""
    count: dict[str, int] = {}
    written: list[Json] = []
    for item in media:
        entry: dict[str, Json] = {"type": _TYPES.get(item.role, item.role.value), "url": picture(item)}
        name = _REFERRED.get(item.role)
        if name is not None:
            count[name] = count.get(name, 0) + 1
            entry["id"] = f"{name}_{count[name]}"
        written.append(entry)
    return written


def _settings(request: VideoRequest, path: str, card: ModelCard | None) -> dict[str, Json]:
    base = request.first(Role.SOURCE_VIDEO)
    shaped = base is None and not path.startswith(_IMAGE)
    return given(
        {
            "multi_shot": _multi_shot(request, card),
            "audio": _audio(request, card),
            "resolution": _resolution(request),
            "aspect_ratio": shape(request) if shaped else None,
            "duration": None if base or request.duration is None else round(request.duration),
        }
    )


def _resolution(request: VideoRequest) -> str | None:
    return "4k" if request.resolution == "2160p" else request.resolution or _TIERS.get(request.quality or "")


def _multi_shot(request: VideoRequest, card: ModelCard | None) -> Json:
    """Several shots are the vendor's default and hardly ever meant; beside a feature video it insists on them."""
    if request.first(Role.REFERENCE_VIDEO):
        return True
    asked = request.vendor.get("multi_shot")
    if card is None or asked is not None:
        return asked
    return False if "multi_shot" in (card.capabilities.vendor_fields or ()) else None


def _audio(request: VideoRequest, card: ModelCard | None) -> str | None:
    if card is not None and "generate_audio_always" in (card.capabilities.scalars or ()):
        return None  # a model without the switch
    if request.first(Role.REFERENCE_VIDEO):
        return "off"
    if request.first(Role.SOURCE_VIDEO) and request.vendor.get("keep_original_sound") == "yes":
        return "original"
    return None if request.generate_audio is None else "native" if request.generate_audio else "off"

"""Fits lengths and optional wishes to what a model honours; the part of `fit.py` that adjusts, drops and reports."""

from typing import Any

from app.domain.capabilities import Capabilities
from app.domain.json import Json
from app.domain.replacing import replace
from app.domain.requests import ImageRequest, Notice, Request, VideoRequest

CONVERTED = frozenset({"png", "jpeg", "webp"})  # picture formats that the gateway makes of any other
_USUAL_FPS = 24


def fit_length(request: VideoRequest, capabilities: Capabilities, notices: list[Notice]) -> VideoRequest:
    """The nearest length that the model makes; a frame count decides where the model takes one."""
    request = _fit_frames(request, capabilities, notices)
    if request.frames is not None and capabilities.frames is not None:
        return request  # the count decides; a length derived from it is no wish of its own
    if request.duration_auto and (capabilities.duration_auto or capabilities.durations is None):
        return request
    duration = request.duration
    if request.duration_auto:
        notices.append(Notice("adjusted:duration", "duration", "auto", capabilities.default_duration))
    if duration is None:
        return replace(request, duration=capabilities.default_duration, duration_auto=False)
    if capabilities.durations is not None and duration not in capabilities.durations:
        nearest = _nearest(duration, capabilities.durations) if capabilities.durations else None
        _report(notices, "duration", duration, nearest)
        duration = nearest
    return replace(request, duration=duration, duration_auto=False)


def _fit_frames(request: VideoRequest, capabilities: Capabilities, notices: list[Notice]) -> VideoRequest:
    if request.frames is None or capabilities.durations is None:
        return request
    if capabilities.frames is None:
        _report(notices, "frames", request.frames, None)
        return replace(request, frames=None)
    nearest = capabilities.frames.nearest(request.frames)
    if nearest == request.frames:
        return request
    _report(notices, "frames", request.frames, nearest)
    if "duration" in request.named:
        return replace(request, frames=nearest)
    rate = (capabilities.fps or (_USUAL_FPS,))[0]
    return replace(request, frames=nearest, duration=round(nearest / rate, 2))


def fit_video_scalars(request: VideoRequest, capabilities: Capabilities, notices: list[Notice]) -> VideoRequest:
    """The optional wishes of a video that the model honours."""
    fps = request.fps
    if fps is not None and capabilities.fps is not None and fps not in capabilities.fps:
        near = int(_nearest(fps, capabilities.fps)) if capabilities.fps else None
        _report(notices, "fps", fps, near)
        fps = near
    kept = _kept(request, capabilities, notices, _VIDEO_SCALARS)
    return replace(request, **kept, fps=fps, quality=_fit_quality(request, capabilities, notices))


def fit_image_scalars(request: ImageRequest, capabilities: Capabilities, notices: list[Notice]) -> ImageRequest:
    """The optional wishes of a picture that the model honours, or that the gateway fulfils itself."""
    output_format, compression = request.output_format, request.output_compression
    if output_format and capabilities.output_formats is not None and output_format not in capabilities.output_formats:
        if output_format in CONVERTED:
            compression = None  # the gateway makes the format, and this with it
        else:
            _report(notices, "output_format", output_format, None)
        output_format = None
    request = replace(request, output_format=output_format, output_compression=compression)
    kept = _kept(request, capabilities, notices, _IMAGE_SCALARS)
    return replace(request, **kept, quality=_fit_quality(request, capabilities, notices))


_VIDEO_SCALARS = ("seed", "negative_prompt", "watermark", "generate_audio", "camera_fixed")
_IMAGE_SCALARS = (
    *("seed", "negative_prompt", "watermark", "output_compression", "background", "moderation", "input_fidelity", "style"),
)


def _kept(request: Request, capabilities: Capabilities, notices: list[Notice], names: tuple[str, ...]) -> dict[str, Any]:
    """The wishes that are to change, in the order of the names: what the model does not honour is dropped and reported."""
    honoured = names if capabilities.scalars is None else capabilities.scalars
    changed: dict[str, Any] = {}
    for name in names:
        value = getattr(request, name)
        if value is None:
            continue
        if value is False and f"{name}_always" in honoured:
            notices.append(Notice(f"adjusted:{name}", name, False, True))
            changed[name] = None
        elif name not in honoured:
            # "no" to a thing that the model does not have is what it does anyway
            if value is not False and value != "auto":
                notices.append(Notice(f"dropped:{name}", name, _plain(value), None))
            changed[name] = None
    return changed


def _plain(value: object) -> Json:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _fit_quality(request: Request, capabilities: Capabilities, notices: list[Notice]) -> str | None:
    quality = request.quality
    if quality is None or capabilities.qualities is None or quality in capabilities.qualities:
        return quality
    if quality != "auto":
        notices.append(Notice("dropped:quality", "quality", quality, None))
    return None


def _report(notices: list[Notice], name: str, before: Json, after: Json) -> None:
    notices.append(Notice(f"{'dropped' if after is None else 'adjusted'}:{name}", name, before, after))


def _nearest(value: float, choices: tuple[float, ...] | tuple[int, ...]) -> float:
    """The nearest choice, ties upward."""
    return min(choices, key=lambda choice: (abs(choice - value), -choice))

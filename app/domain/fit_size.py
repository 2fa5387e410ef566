"""Fits size, resolution tier and aspect ratio to what a model makes; the part of `fit.py` that is about pixels."""

import math

from app.domain.capabilities import Capabilities
from app.domain.geometry import nearest_ratio, pixels_of, ratio_value, tier_pixels
from app.domain.replacing import replace
from app.domain.requests import ImageRequest, Notice, VideoRequest

_SAME_SHAPE = 0.05  # natural logarithm, as in geometry.py
_CLOSE = 16  # a table's size within this many pixels is what the client meant (ark.md (e), "off by <= 16 px")


def fit_video_size(request: VideoRequest, capabilities: Capabilities, notices: list[Notice]) -> VideoRequest:
    """Tier and ratio that the model has; pixels from its own table, if it has one."""
    asked = _asked_size(request)
    tier = _fit_tier(request.resolution, capabilities, notices)
    ratio = _fit_ratio(request.aspect_ratio, capabilities, notices)
    if capabilities.keeps_pixels and asked is not None:
        return replace(request, resolution=tier, aspect_ratio=ratio)
    size = _table_size(capabilities, tier, ratio)
    if size is None and capabilities.resolutions is None:
        return replace(request, aspect_ratio=ratio)  # nothing is known of its sizes: pass on what the client named
    if size is None:
        return replace(request, resolution=tier, aspect_ratio=ratio, width=None, height=None)
    if asked is not None and not _close(asked, size) and not _reported(notices):
        notices.append(Notice("adjusted:size", "size", _text(asked), _text(size)))
    return replace(request, resolution=tier, aspect_ratio=ratio, width=size[0], height=size[1])


def fit_image_size(request: ImageRequest, capabilities: Capabilities, notices: list[Notice]) -> ImageRequest:
    """Pixels that the model can make; a tier word stays a word when the client named no shape."""
    asked = _asked_size(request)
    if asked is not None and _takes_words(capabilities):
        asked, request = None, replace(request, width=None, height=None)  # the tier and the shape of the pixels stay
    if asked is None:
        return _image_from_words(request, capabilities, notices)
    if capabilities.sizes == ():
        notices.append(Notice("dropped:size", "size", _text(asked), None))
        return replace(request, width=None, height=None)
    size = _possible_size(asked, capabilities)
    if size != asked:
        notices.append(Notice("adjusted:size", "size", _text(asked), _text(size)))
    return replace(request, width=size[0], height=size[1])


def _image_from_words(request: ImageRequest, capabilities: Capabilities, notices: list[Notice]) -> ImageRequest:
    tier = _fit_tier(request.resolution, capabilities, notices)
    ratio = request.aspect_ratio
    if ratio is None or ratio == "auto":
        return replace(request, resolution=tier)
    ratio = _fit_ratio(ratio, capabilities, notices)
    size = _table_size(capabilities, tier, ratio)
    if size is None and capabilities.sizes is None and capabilities.min_pixels is None and capabilities.aspect_ratios is not None:
        return replace(request, resolution=tier, aspect_ratio=ratio)  # the model takes ratio words itself
    if size is None and capabilities.sizes == ():
        return replace(request, resolution=tier, aspect_ratio=ratio)
    size = size or _possible_size(pixels_of(tier or "1K", ratio or "1:1", "image"), capabilities)
    return replace(request, resolution=tier, aspect_ratio=ratio, width=size[0], height=size[1])


def _takes_words(capabilities: Capabilities) -> bool:
    """Whether the model is told a tier and a ratio, and never pixels."""
    free = capabilities.sizes is None and capabilities.min_pixels is None and capabilities.max_pixels is None
    return free and not capabilities.pixels and bool(capabilities.aspect_ratios)


def _asked_size(request: VideoRequest | ImageRequest) -> tuple[int, int] | None:
    if request.width is None or request.height is None:
        return None
    return request.width, request.height


def _fit_tier(tier: str | None, capabilities: Capabilities, notices: list[Notice]) -> str | None:
    choices = capabilities.resolutions
    if choices is None or tier in choices:
        return tier
    if tier is None:
        return capabilities.default_resolution
    if not choices:
        notices.append(Notice("dropped:resolution", "resolution", tier, None))
        return None
    wanted = math.log(tier_pixels(tier))
    nearest = min(choices, key=lambda choice: (abs(math.log(tier_pixels(choice)) - wanted), -tier_pixels(choice)))
    notices.append(Notice("adjusted:resolution", "resolution", tier, nearest))
    return nearest


def _fit_ratio(ratio: str | None, capabilities: Capabilities, notices: list[Notice]) -> str | None:
    choices = capabilities.aspect_ratios
    if choices is None or ratio in choices:
        return ratio
    default = capabilities.default_aspect_ratio
    if ratio is None:
        return default
    real = tuple(choice for choice in choices if choice != "auto")
    if not choices:
        after = None
    elif ratio == "auto" or not real:
        after = default or choices[0]
    else:
        after = nearest_ratio(ratio_value(ratio), real)
    if ratio != "auto" or after is not None:
        notices.append(Notice(f"{'dropped' if after is None else 'adjusted'}:aspect_ratio", "aspect_ratio", ratio, after))
    return after


def _table_size(capabilities: Capabilities, tier: str | None, ratio: str | None) -> tuple[int, int] | None:
    row = capabilities.pixels.get(tier or capabilities.default_resolution or "")
    return None if row is None else row.get(ratio or "")


def _possible_size(asked: tuple[int, int], capabilities: Capabilities) -> tuple[int, int]:
    if capabilities.sizes is not None:
        return _listed_size(asked, capabilities.sizes)
    if not _in_range(asked, capabilities) and (known := _known_sizes(asked, capabilities)):
        return min(known, key=lambda size: abs(math.log(size[0] * size[1]) - math.log(asked[0] * asked[1])))
    width, height = asked
    if capabilities.max_ratio is not None:
        width = min(width, math.floor(height * capabilities.max_ratio))
        height = min(height, math.floor(width * capabilities.max_ratio))
    area, scale = width * height, 1.0
    if capabilities.min_pixels is not None and area < capabilities.min_pixels:
        scale = math.sqrt(capabilities.min_pixels / area)
    if capabilities.max_pixels is not None and area > capabilities.max_pixels:
        scale = math.sqrt(capabilities.max_pixels / area)
    scale *= _side_scale(width * scale, height * scale, capabilities)
    return _rounded(width * scale, height * scale, capabilities)


def _side_scale(width: float, height: float, capabilities: Capabilities) -> float:
    """By how much both sides must grow or shrink to lie within the model's limits for one side."""
    if capabilities.max_side is not None and max(width, height) > capabilities.max_side:
        return capabilities.max_side / max(width, height)
    if capabilities.min_side is not None and min(width, height) < capabilities.min_side:
        return capabilities.min_side / min(width, height)
    return 1.0


def _in_range(size: tuple[int, int], capabilities: Capabilities) -> bool:
    area = size[0] * size[1]
    low, high = capabilities.min_pixels, capabilities.max_pixels
    fits = (low is None or area >= low) and (high is None or area <= high)
    return fits and _side_scale(*size, capabilities) == 1.0


def _known_sizes(asked: tuple[int, int], capabilities: Capabilities) -> list[tuple[int, int]]:
    """The sizes of the model's own table that have this shape: better than any that is only computed."""
    sizes = (size for row in capabilities.pixels.values() for size in row.values())
    shape = asked[0] / asked[1]
    return [size for size in sizes if abs(math.log(size[0] / size[1] / shape)) <= _SAME_SHAPE and _in_range(size, capabilities)]


def _rounded(width: float, height: float, capabilities: Capabilities) -> tuple[int, int]:
    """Both sides on the model's grid, on the right side of its limits."""
    step = capabilities.pixel_multiple
    size = round(width / step) * step, round(height / step) * step
    if capabilities.min_pixels is not None and size[0] * size[1] < capabilities.min_pixels:
        size = math.ceil(width / step) * step, math.ceil(height / step) * step
    if capabilities.max_pixels is not None and size[0] * size[1] > capabilities.max_pixels:
        size = math.floor(width / step) * step, math.floor(height / step) * step
    return max(size[0], step), max(size[1], step)


def _listed_size(asked: tuple[int, int], sizes: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The nearest shape first, then the nearest area."""

    def distance(size: tuple[int, int]) -> tuple[float, float]:
        shape = abs(math.log(size[0] / size[1]) - math.log(asked[0] / asked[1]))
        area = abs(math.log(size[0] * size[1]) - math.log(asked[0] * asked[1]))
        return round(shape, 6), area

    return min(sizes, key=distance)


def _close(asked: tuple[int, int], size: tuple[int, int]) -> bool:
    return abs(asked[0] - size[0]) <= _CLOSE and abs(asked[1] - size[1]) <= _CLOSE


def _reported(notices: list[Notice]) -> bool:
    return any(notice.code in ("adjusted:resolution", "adjusted:aspect_ratio") for notice in notices)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"

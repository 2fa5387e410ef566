"""Size words, tiers, shapes and pixels, every way that clients write them (normalisation.md §4.2-4.4)."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.domain.requests import Operation

VIDEO_TIERS = ("360p", "480p", "540p", "720p", "768p", "1080p", "1440p", "2160p")
IMAGE_TIERS = ("1K", "2K", "4K")
VIDEO_RATIOS = ("21:9", "16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16", "9:21")
IMAGE_RATIOS = (*VIDEO_RATIOS, "5:4", "4:5")
SMALLEST, LARGEST = 64, 16_384  # pixels of one side

_SNAP = 0.05  # a shape this near to a listed ratio (natural logarithm) is that ratio
_SEVENS = {"7:3": "21:9", "3:7": "9:21"}
_AUTO = frozenset({"auto", "adaptive", "keep"})
_SHAPES = {"landscape": "16:9", "portrait": "9:16", "square": "1:1"}
_NAMED_TIERS = {"hd": "720p", "fhd": "1080p", "qhd": "1440p", "uhd": "2160p", "1k": "1080p", "2k": "1440p", "4k": "2160p"}
_IMAGE_TIER = {"1440p": "2K", "2160p": "4K"}  # every smaller one is 1K
_SHORT_SIDES = frozenset({360, 480, 540, 720, 768, 1080, 2160})
_AREAS = {"360p": 230_400, "480p": 409_920, "720p": 921_600, "1080p": 2_073_600, "1440p": 3_686_400, "2160p": 8_294_400}

_PIXELS = re.compile(r"([0-9]{2,5})\s*[x*×:：]\s*([0-9]{2,5})")
_RATIO = re.compile(r"([0-9]{1,5})\s*[:：/x*×]\s*([0-9]{1,5})")
_TIER = re.compile(r"([0-9]{3,4})p?")
_QUALITY_TIER = re.compile(r"[0-9]{3,4}p|[124]k")


@dataclass(frozen=True, slots=True)
class Size:
    """What one size word says: pixels, a tier or a shape."""

    width: int | None = None
    height: int | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height, where the word names both."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    def __str__(self) -> str:
        return self.resolution or self.aspect_ratio or f"{self.width}x{self.height}"


@lru_cache(1024)
def read_size(text: str, op: Operation) -> Size | None:
    """A `size` value by the grammar of §4.2; None when it is none."""
    word = text.strip().lower()
    pixels = read_pixels(word)
    if pixels is not None:
        return Size(*pixels)
    if word in _AUTO or word in _SHAPES:
        return Size(aspect_ratio=read_ratio(word))
    parts = re.fullmatch(r"([0-9]{1,2})\s*[:：]\s*([0-9]{1,2})", word)
    if parts and all(0 < int(part) < SMALLEST for part in parts.groups()):
        return Size(aspect_ratio=read_ratio(word))
    tier = read_tier(word, op)
    return None if tier is None else Size(resolution=tier)


def read_resolution(text: str, op: Operation) -> Size | None:
    """A `resolution` value: a tier, or pixels as in `size`."""
    tier = read_tier(text, op)
    if tier is not None:
        return Size(resolution=tier)
    pixels = read_pixels(text)
    return None if pixels is None else Size(*pixels)


def read_pixels(text: str) -> tuple[int, int] | None:
    """`1280x720`, `1280*720`, `1280×720` or `1280:720`, both sides within bounds; None otherwise."""
    parts = _PIXELS.fullmatch(text.strip().lower())
    if parts is None:
        return None
    width, height = int(parts[1]), int(parts[2])
    return (width, height) if min(width, height) >= SMALLEST and max(width, height) <= LARGEST else None


def read_tier(text: str, op: Operation) -> str | None:
    """A tier word such as `720p`, `720`, `hd`, `2K`, as this operation calls it; None otherwise."""
    word = text.strip().lower()
    tier = _NAMED_TIERS.get(word)
    if tier is None:
        digits = _TIER.fullmatch(word)
        tier = f"{digits[1]}p" if digits else ""
    if tier not in VIDEO_TIERS:
        return None
    return tier if op == "video" else _IMAGE_TIER.get(tier, "1K")


def read_quality_tier(text: str, op: Operation) -> str | None:
    """The tier in a `quality` value, which only counts when it cannot be a quality word: `720p`, `2K`."""
    return read_tier(text, op) if _QUALITY_TIER.fullmatch(text.strip().lower()) else None


def read_ratio(text: str) -> str | None:
    """An aspect ratio in its reduced form, or `auto`; None when it is none."""
    word = text.strip().lower()
    if word in _AUTO:
        return "auto"
    if word in _SHAPES:
        return _SHAPES[word]
    parts = _RATIO.fullmatch(word)
    if parts is None or not int(parts[1]) or not int(parts[2]):
        return None
    return _reduced(int(parts[1]), int(parts[2]))


@lru_cache(1024)
def ratio_of_pixels(width: int, height: int, op: Operation) -> tuple[str, bool]:
    """The ratio that pixels stand for, and whether it had to be bent noticeably to get there (video only)."""
    nearest = nearest_ratio(width / height, VIDEO_RATIOS if op == "video" else IMAGE_RATIOS)
    if _distance(width / height, nearest) <= _SNAP:
        return nearest, False
    return (nearest, True) if op == "video" else (_reduced(width, height), False)


def same_shape(width: int, height: int, ratio: str, op: Operation) -> bool:
    """Whether pixels and a ratio say the same; `auto` never does."""
    if ratio == "auto":
        return False
    return ratio == ratio_of_pixels(width, height, op)[0] or _distance(width / height, ratio) <= _SNAP


@lru_cache(1024)
def tier_of_pixels(width: int, height: int, op: Operation) -> str:
    """The tier that pixels stand for (§4.4)."""
    if op == "image":
        side = math.sqrt(width * height)
        return "1K" if side <= 1448 else "2K" if side <= 2896 else "4K"
    short = min(width, height)
    if short in _SHORT_SIDES:
        return f"{short}p"
    return min(_AREAS, key=lambda tier: abs(math.log(width * height / _AREAS[tier])))


def tier_pixels(tier: str) -> int:
    """The area of a tier in pixels: 16:9 for `…p`, a square for `…K`; raises ValueError for another word."""
    parts = re.fullmatch(r"([0-9]{1,5}(?:\.[0-9]+)?)([pPkK])", tier)
    if parts is None:
        raise ValueError(f"not a resolution tier: {tier!r}")
    number = float(parts[1])
    if parts[2] in "pP":
        return _AREAS.get(tier) or round(number * number * 16 / 9)
    return round((number * 1024) ** 2)


def pixels_of(tier: str | None, ratio: str | None, op: Operation) -> tuple[int, int]:
    """Even width and height for a model without a table of its own.

    Video: the tier is the short side. Image: the tier is the side of a square of the same area. An unsaid tier is 720p or
    1K, an unsaid or automatic ratio 16:9 or 1:1.
    """
    shape = ratio_value(ratio) if ratio and ratio != "auto" else (16 / 9 if op == "video" else 1.0)
    if op == "image":
        area = tier_pixels(tier or "1K")
        return _even(math.sqrt(area * shape)), _even(math.sqrt(area / shape))
    short = int((tier or "720p").rstrip("pP"))
    return (_even(short * shape), _even(short)) if shape >= 1 else (_even(short), _even(short / shape))


@lru_cache(1024)
def ratio_value(ratio: str) -> float:
    """Width over height of a ratio such as `16:9`; raises ValueError for another word."""
    width, _, height = ratio.partition(":")
    return float(width) / float(height)


def nearest_ratio(value: float, choices: Sequence[str]) -> str:
    """The choice nearest to width/height `value` by the distance of logarithms; the first one wins a tie."""
    return min(choices, key=lambda choice: round(_distance(value, choice), 9))


def _distance(value: float, ratio: str) -> float:
    return abs(math.log(value / ratio_value(ratio)))


def _reduced(width: int, height: int) -> str:
    divisor = math.gcd(width, height)
    ratio = f"{width // divisor}:{height // divisor}"
    return _SEVENS.get(ratio, ratio)


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)

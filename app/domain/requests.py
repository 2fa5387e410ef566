"""What a client wants, in our words; the canonical object of normalisation.md §1.

Frozen: a changed wish is a new object (`dataclasses.replace`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.replacing import quick


class Mode(StrEnum):
    """What to do with prompt and media."""

    T2V = "t2v"
    I2V = "i2v"
    FLF2V = "flf2v"  # first and last frame
    R2V = "r2v"  # references of any type
    EXTEND = "extend"
    EDIT = "edit"
    REMIX = "remix"
    T2I = "t2i"
    I2I = "i2i"


Operation: TypeAlias = Literal["video", "image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What image and video requests share. `None` always means: the client did not say."""

    model: str
    mode: Mode
    prompt: str | None = None
    negative_prompt: str | None = None
    model_variant: str | None = None  # Kling's `model_name` beside `model`
    width: int | None = None  # pixels; only when the client named pixels and nothing explicit contradicts them
    height: int | None = None
    resolution: str | None = None  # a tier: 480p … 2160p, or 1K 2K 4K for images
    aspect_ratio: str | None = None  # "16:9" …, another reduced a:b, or "auto"
    media: tuple[Media, ...] = ()
    n: int = 1
    seed: int | None = None
    quality: str | None = None
    watermark: bool | None = None
    callback_url: str | None = None  # ours to call; never forwarded
    client_task_id: str | None = None
    user: str | None = None
    vendor: Mapping[str, Json] = field(default_factory=dict)  # whatever nothing else consumed, untouched
    named: Mapping[str, str] = field(default_factory=dict, compare=False)  # canonical field -> the client's name for it

    def by_role(self, *roles: Role) -> tuple[Media, ...]:
        """The media with one of these roles, in client order."""
        return tuple(item for item in self.media if item.role in roles)

    def first(self, *roles: Role) -> Media | None:
        """The first medium with one of these roles."""
        return next(iter(self.by_role(*roles)), None)

    def client_name(self, canonical: str) -> str:
        """The field name that the client used for this canonical field, or the canonical name; `vendor.x` is the client's `x`."""
        return self.named.get(canonical, canonical.removeprefix("vendor."))


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest(_Request):
    """One video job as asked for."""

    duration: float | None = None  # seconds; an int when integral
    duration_auto: bool = False  # the client asked the model to choose
    frames: int | None = None
    fps: int | None = None
    generate_audio: bool | None = None
    camera_fixed: bool | None = None

    @property
    def op(self) -> Operation:
        """Always `video`."""
        return "video"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest(_Request):
    """One image job as asked for."""

    response_format: Literal["url", "b64_json"] | None = None
    output_format: str | None = None
    output_compression: int | None = None  # percent
    background: str | None = None
    moderation: str | None = None
    input_fidelity: str | None = None
    style: str | None = None
    stream: bool = False
    partial_images: int | None = None

    @property
    def op(self) -> Operation:
        """Always `image`."""
        return "image"


Request: TypeAlias = VideoRequest | ImageRequest


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that was not done as asked: the code of CONTRACT §1, the canonical field, what it was and became."""

    code: str
    field: str | None = None
    before: Json = None
    after: Json = None


def codes(warnings: Iterable[Notice]) -> tuple[str, ...]:
    """The codes alone, in order, each once."""
    return tuple(dict.fromkeys(warning.code for warning in warnings))

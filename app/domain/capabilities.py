"""What a model can do, as data; `fit.py` holds a request against it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.domain.media import Form, Role
from app.domain.requests import Mode, Operation


@dataclass(frozen=True, slots=True)
class InputRule:
    """How many media of one role a model takes, and in which forms, best first.

    `max_bytes` is per item; `mimes` empty means any of the type. `alike`: where the vendor takes links or bytes, never both in
    one request.
    """

    most: int
    forms: tuple[Form, ...] = (Form.URL, Form.DATA_URI)
    mimes: frozenset[str] = frozenset()
    max_bytes: int | None = None
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """Whole numbers from `low` to `high`, every `step`-th."""

    low: int
    high: int
    step: int = 1

    def nearest(self, value: float) -> int:
        """The member nearest to the value, ties up."""
        clamped = min(max(value, self.low), self.high)
        below = self.low + int((clamped - self.low) // self.step) * self.step
        above = min(below + self.step, self.high)
        return below if clamped - below < above - clamped else above


@dataclass(frozen=True, slots=True)
class Overlay:
    """Values that replace others when a condition holds ("1080p only with 8 seconds").

    `when` maps a request field (`mode`, `resolution`, `duration`, …) or `media` (a role) to the values that match; all
    must match. `change` is applied with `dataclasses.replace`; its keys are fields of Capabilities.
    """

    when: Mapping[str, frozenset[str]]
    change: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model can do. For every list: None means "not known, pass anything on", empty means "has no such thing".

    Lengths are seconds, sizes pixels.
    """

    op: Operation
    modes: frozenset[Mode] | None = None
    prompt_required: bool = True
    prompt_limit: int = 32_000  # characters
    durations: tuple[float, ...] | None = None
    default_duration: float | None = None
    duration_auto: bool = False  # may be left to the model
    frames: Steps | None = None  # None: has no frame count; a length is derived instead
    fps: tuple[int, ...] | None = None
    resolutions: tuple[str, ...] | None = None
    default_resolution: str | None = None
    aspect_ratios: tuple[str, ...] | None = None
    default_aspect_ratio: str | None = None
    pixels: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)  # tier -> ratio -> (w, h)
    sizes: tuple[tuple[int, int], ...] | None = None  # images: the only sizes there are
    min_pixels: int | None = None  # images: total, where any W×H goes
    max_pixels: int | None = None
    min_side: int | None = None  # images: of the shorter and the longer side
    max_side: int | None = None
    pixel_multiple: int = 1
    max_ratio: float | None = None  # images: longest side over shortest
    keeps_pixels: bool = False  # video: any W×H goes as the client wrote it
    qualities: tuple[str, ...] | None = None
    output_formats: tuple[str, ...] | None = None
    scalars: frozenset[str] | None = None  # optional canonical fields that the model honours; others are dropped
    vendor_fields: frozenset[str] | None = None  # what it takes of `vendor`; others stay behind
    inputs: Mapping[Role, InputRule] | None = None
    frames_mix: bool = True  # frames and references may stand in one request; else frames become references
    two_images: str = "frames"  # what two undecided images are: "frames" or "references"
    most_n: int = 1  # results of one upstream call; more are made by several calls
    overlays: tuple[Overlay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs: `usd` per `unit`, by a tariff key such as "720p", "1080p+audio" or "*"."""

    unit: str  # "second", "image", "job" or "mtoken" (a million output tokens)
    usd: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model of one adapter's data file.

    `pace` is the typical time to a result in seconds, a start value for what is learned. `retired` is the date from which
    the vendor no longer serves it; the name stays routable by mapping. `note` says what a user must know.
    """

    name: str
    upstream: str
    capabilities: Capabilities
    aliases: tuple[str, ...] = ()
    by_mode: Mapping[Mode, str] = field(default_factory=dict)  # where the vendor has a name for each mode
    by_variant: bool = False  # an umbrella: the client's `model_name` says which model it is; with `by_mode` it may be left out
    price: Price | None = None
    pace: float = 90.0
    retired: date | None = None
    successor: str | None = None
    docs: str | None = None
    note: str | None = None
    listed: bool = True  # False: an open card for names that the data file lacks

"""Reads an adapter's data file (`<adapter>.toml`): what each of its models can do and costs.

    docs = "https://…"                     where the facts come from
    read = 2026-11-20                      when they were read
    extends = "ark"                        optional: take the profiles of another data file

    [profile.name]                         a named set of the keys below; `profile = "other"` (or a list) builds on others
    [model."public name"]                  a model: the keys below, plus
      profile = "name"                     the profile(s) that it starts from
      upstream = "…"                       the vendor's name, if it differs
      by_mode = { t2v = "…" }              the vendor's name per mode, where it has several
      by_variant = true                    an umbrella name: the client's `model_name` says which model it is
      aliases = ["…"]                      further public names
      retired = 2026-09-24, successor = "…", note = "…", docs = "…"
    [open.video]  [open.image]             what to assume of names that the file lacks

    op = "video" | "image"                 modes = ["t2v", "i2v", …]
    durations = "4-15" | [4, 6, 8]         default_duration = 5      duration_auto = true     (seconds)
    frames = "29-289/4"                    fps = [24]
    resolutions = ["720p"]                 default_resolution = "720p"
    aspect_ratios = ["16:9", "auto"]       default_aspect_ratio = "16:9"
    pixels."720p" = { "16:9" = "1280x720" }
    sizes = ["1024x1024"]                  min_pixels, max_pixels, min_side, max_side, pixel_multiple, max_ratio, keeps_pixels
    qualities, output_formats, scalars, vendor_fields = [names]
    inputs.first_frame = { most = 1, forms = ["url", "data_uri"], mimes = ["image/png"], max_mb = 30, alike = true }
    prompt_required, prompt_limit, frames_mix, two_images, most_n
    price = { unit = "second", usd = { "720p" = "0.05", "1080p+audio" = "0.2", "*" = "0.05" } }
    pace = 90                              typical seconds to a result
    [[….when]]                             mode = ["i2v"] / resolution = […] / media = ["first_frame"] → other values
                                           (also duration, quality, generate_audio)

A list that is left out means "not known, pass anything on"; an empty one means "has no such thing".
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeGuard

from app.domain.capabilities import Capabilities, InputRule, ModelCard, Overlay, Price, Steps
from app.domain.media import Form, Role
from app.domain.requests import Mode, Operation

Table = Mapping[str, object]
_FOLDER = Path(__file__).parent
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models of one adapter."""

    cards: tuple[ModelCard, ...]
    by_name: Mapping[str, ModelCard]  # public names, aliases and upstream names
    open_cards: Mapping[str, ModelCard]  # per operation
    by_op: Mapping[tuple[str, str], ModelCard] = field(default_factory=dict)  # (operation, any name)

    def find(self, name: str, op: Operation | None = None) -> ModelCard | None:
        """The card of this public name, alias or upstream name.

        `op` decides where a vendor has one name for a picture model and a video model.
        """
        return self.by_op.get((op or "", name)) or self.by_name.get(name)

    def open_card(self, op: Operation) -> ModelCard:
        """What to assume of a name that the data file lacks."""
        return self.open_cards[op]


def load(name: str, folder: Path = _FOLDER) -> Catalogue:
    """The catalogue of `<name>.toml`; raises ValueError naming the key that is wrong."""
    document = _read(folder / f"{name}.toml")
    profiles = _profiles(document, folder)
    models = _table(document.get("model", {}))
    cards = tuple(_card(public, _table(entry), profiles, document) for public, entry in models.items())
    by_name: dict[str, ModelCard] = {}
    for card in cards:
        for alias in (card.name, *card.aliases):
            if alias in by_name:
                raise ValueError(f"{name}.toml: the name {alias!r} is given twice")
            by_name[alias] = card
    by_op: dict[tuple[str, str], ModelCard] = {
        (card.capabilities.op, alias): card for card in cards for alias in (card.name, *card.aliases)
    }
    for card in cards:
        by_name.setdefault(card.upstream, card)
        by_op.setdefault((card.capabilities.op, card.upstream), card)
    opened = _table(document.get("open", {}))
    operations: tuple[Operation, ...] = ("video", "image")
    open_cards: dict[str, ModelCard] = {op: _open_card(op, _table(opened.get(op, {})), profiles) for op in operations}
    return Catalogue(cards, by_name, open_cards, by_op)


def _read(path: Path) -> Table:
    with path.open("rb") as file:
        return tomllib.load(file)


def _profiles(document: Table, folder: Path) -> dict[str, Table]:
    inherited: dict[str, Table] = {}
    if isinstance(document.get("extends"), str):
        inherited = _profiles(_read(folder / f"{document['extends']}.toml"), folder)
    return {**inherited, **{name: _table(entry) for name, entry in _table(document.get("profile", {})).items()}}


def _flatten(entry: Table, profiles: Mapping[str, Table]) -> dict[str, object]:
    """The entry with its profiles' keys under its own; `when` lists add up, `inputs` merge by role."""
    bases = entry.get("profile", [])
    merged: dict[str, object] = {}
    for base in [bases] if isinstance(bases, str) else _strings(bases):
        if base not in profiles:
            raise ValueError(f"unknown profile {base!r}")
        _merge(merged, _flatten(profiles[base], profiles))
    _merge(merged, {key: value for key, value in entry.items() if key != "profile"})
    return merged


def _merge(merged: dict[str, object], added: Table) -> None:
    for key, value in added.items():
        if key == "when":
            merged[key] = [*_list(merged.get(key, [])), *_list(value)]
        elif key == "inputs":
            merged[key] = {**_table(merged.get(key, {})), **_table(value)}
        else:
            merged[key] = value


def _card(public: str, entry: Table, profiles: Mapping[str, Table], document: Table) -> ModelCard:
    try:
        values = _flatten(entry, profiles)
        retired = values.pop("retired", None)
        return ModelCard(
            name=public,
            upstream=str(values.pop("upstream", public)),
            aliases=_strings(values.pop("aliases", [])),
            by_mode={Mode(mode): str(name) for mode, name in _table(values.pop("by_mode", {})).items()},
            by_variant=_flag(values.pop("by_variant", False)),
            price=_price(values.pop("price", None)),
            pace=_number(values.pop("pace", 90)),
            retired=retired if isinstance(retired, date) else None,
            successor=_text(values.pop("successor", None)),
            docs=_text(values.pop("docs", document.get("docs"))),
            note=_text(values.pop("note", None)),
            capabilities=_capabilities(values),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"model {public!r}: {error}") from error


def _open_card(op: Operation, entry: Table, profiles: Mapping[str, Table]) -> ModelCard:
    values = {"prompt_required": False, **_flatten(entry, profiles), "op": op}
    price, pace = _price(values.pop("price", None)), _number(values.pop("pace", 90))
    return ModelCard(name="", upstream="", price=price, pace=pace, capabilities=_capabilities(values), listed=False)


def _capabilities(values: dict[str, object]) -> Capabilities:
    overlays = tuple(_overlay(_table(item)) for item in _list(values.pop("when", [])))
    return Capabilities(**_parsed(values), overlays=overlays)  # type: ignore[arg-type]  # names and types are checked by _PARSERS


def _overlay(entry: Table) -> Overlay:
    conditions = {key: frozenset(map(str, _list(value))) for key, value in entry.items() if key in _CONDITIONS}
    return Overlay(conditions, _parsed({key: value for key, value in entry.items() if key not in _CONDITIONS}))


_CONDITIONS = frozenset({"mode", "resolution", "duration", "media", "quality", "generate_audio"})


def _parsed(values: Table) -> dict[str, object]:
    unknown = set(values) - set(_PARSERS)
    if unknown:
        raise ValueError(f"unknown key(s): {', '.join(sorted(unknown))}")
    return {key: _PARSERS[key](value) for key, value in values.items()}


def _table(value: object) -> Table:
    if not isinstance(value, Mapping):
        raise ValueError(f"a table is needed, not {value!r}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"a list is needed, not {value!r}")
    return list(value)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in _list(value))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: object) -> float:
    if not _is_number(value):
        raise ValueError(f"a number is needed, not {value!r}")
    return value


def _whole(value: object) -> int:
    return int(_number(value))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false is needed, not {value!r}")
    return value


def _steps(value: object) -> Steps:
    span, _, step = str(value).partition("/")
    low, _, high = span.partition("-")
    return Steps(int(low), int(high), int(step or 1))


def _durations(value: object) -> tuple[float, ...]:
    if isinstance(value, str):
        steps = _steps(value)
        return tuple(range(steps.low, steps.high + 1, steps.step))
    return tuple(sorted(_number(item) for item in _list(value)))


def _size(value: object) -> tuple[int, int]:
    width, _, height = str(value).partition("x")
    return int(width), int(height)


def _pixels(value: object) -> dict[str, dict[str, tuple[int, int]]]:
    return {tier: {ratio: _size(size) for ratio, size in _table(row).items()} for tier, row in _table(value).items()}


def _inputs(value: object) -> dict[Role, InputRule]:
    return {Role(role): _input(_table(rule)) for role, rule in _table(value).items()}


def _input(rule: Table) -> InputRule:
    extra = set(rule) - {"most", "forms", "mimes", "max_mb", "alike"}
    if extra:
        raise ValueError(f"unknown input key(s): {', '.join(sorted(extra))}")
    size = rule.get("max_mb")
    return InputRule(
        most=_whole(rule.get("most", 1)),
        forms=tuple(Form(form) for form in _strings(rule.get("forms", ["url", "data_uri"]))),
        mimes=frozenset(_strings(rule.get("mimes", []))),
        max_bytes=None if size is None else int(_number(size) * _MEBIBYTE),
        alike=_flag(rule.get("alike", False)),
    )


def _price(value: object) -> Price | None:
    if value is None:
        return None
    table = _table(value)
    usd = table["usd"]
    tariff = {"*": Decimal(usd)} if isinstance(usd, str) else {key: Decimal(str(item)) for key, item in _table(usd).items()}
    if table["unit"] not in ("second", "image", "job", "mtoken"):
        raise ValueError(f"unknown price unit {table['unit']!r}")
    return Price(unit=str(table["unit"]), usd=tariff)


def _names(value: object) -> frozenset[str]:
    return frozenset(_strings(value))


def _modes(value: object) -> frozenset[Mode]:
    return frozenset(Mode(mode) for mode in _strings(value))


def _operation(value: object) -> Operation:
    if value == "video":
        return "video"
    if value == "image":
        return "image"
    raise ValueError(f"op is video or image, not {value!r}")


def _sizes(value: object) -> tuple[tuple[int, int], ...]:
    return tuple(_size(item) for item in _list(value))


def _whole_list(value: object) -> tuple[int, ...]:
    return tuple(sorted(_whole(item) for item in _list(value)))


_PARSERS: Mapping[str, Callable[[object], object]] = {
    "op": _operation,
    "modes": _modes,
    "prompt_required": _flag,
    "prompt_limit": _whole,
    "durations": _durations,
    "default_duration": _number,
    "duration_auto": _flag,
    "frames": _steps,
    "fps": _whole_list,
    "resolutions": _strings,
    "default_resolution": _text,
    "aspect_ratios": _strings,
    "default_aspect_ratio": _text,
    "pixels": _pixels,
    "sizes": _sizes,
    "min_pixels": _whole,
    "max_pixels": _whole,
    "min_side": _whole,
    "max_side": _whole,
    "pixel_multiple": _whole,
    "max_ratio": _number,
    "keeps_pixels": _flag,
    "qualities": _strings,
    "output_formats": _strings,
    "scalars": _names,
    "vendor_fields": _names,
    "inputs": _inputs,
    "frames_mix": _flag,
    "two_images": str,
    "most_n": _whole,
}


def parser_names() -> Iterable[str]:
    """The capability keys that a data file may use; a test holds them against the fields of Capabilities."""
    return _PARSERS


def capability_fields() -> set[str]:
    """The fields of Capabilities that a data file sets."""
    return {field.name for field in fields(Capabilities)} - {"overlays"}

"""Models as OpenAI lists them, and the document that says what one can do."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum

from app.domain.capabilities import Capabilities, InputRule
from app.domain.json import Json
from app.domain.offers import Offer

OWNER = "filmgate"  # which vendor serves a name is the operator's business


def model_object(offer: Offer) -> dict[str, Json]:
    """One line of the list."""
    model: dict[str, Json] = {
        "id": offer.name,
        "object": "model",
        "created": offer.created,
        "owned_by": OWNER,
        "op": offer.op,
    }
    if offer.card.retired:
        model |= {"retired": offer.card.retired.isoformat(), "successor": offer.card.successor}
    return model


def model_list(offers: Sequence[Offer]) -> dict[str, Json]:
    """All of them."""
    return {"object": "list", "data": [model_object(offer) for offer in offers]}


def capabilities_object(offer: Offer) -> dict[str, Json]:
    """What the model can do: null means "not known, anything is passed on", an empty list "has no such thing".

    Lengths are seconds, prices USD. `rules` replace values when their condition holds.
    """
    card, able = offer.card, offer.card.capabilities
    return {
        "id": offer.name,
        "object": "model.capabilities",
        "op": offer.op,
        "modes": _plain(able.modes),
        "durations": _plain(able.durations),
        "default_duration": able.default_duration,
        "duration_auto": able.duration_auto,
        "frames": _plain(able.frames),
        "fps": _plain(able.fps),
        "resolutions": _plain(able.resolutions),
        "default_resolution": able.default_resolution,
        "ratios": _plain(able.aspect_ratios),
        "default_ratio": able.default_aspect_ratio,
        "sizes": _sizes(able),
        "min_pixels": able.min_pixels,
        "max_pixels": able.max_pixels,
        "inputs": None if able.inputs is None else {role.value: _rule(rule) for role, rule in able.inputs.items()},
        "scalars": _plain(able.scalars),
        "qualities": _plain(able.qualities),
        "output_formats": _plain(able.output_formats),
        "prompt": {"required": able.prompt_required, "limit": able.prompt_limit},
        "rules": [{"when": _plain(overlay.when), "then": _change(overlay.change)} for overlay in able.overlays],
        "price": _price(offer),
        "pace": card.pace,
        "retired": card.retired.isoformat() if card.retired else None,
        "successor": card.successor,
        "docs": card.docs,
        "note": card.note,
    }


def _sizes(able: Capabilities) -> Json:
    """The only sizes of an image model, or the pixels that a video model makes of tier and ratio."""
    if able.sizes is not None:
        return [f"{width}x{height}" for width, height in able.sizes]
    if not able.pixels:
        return None
    return {tier: {ratio: f"{size[0]}x{size[1]}" for ratio, size in row.items()} for tier, row in able.pixels.items()}


def _rule(rule: InputRule) -> dict[str, Json]:
    return {"max": rule.most, "forms": _plain(rule.forms), "mimes": _plain(rule.mimes), "max_bytes": rule.max_bytes}


def _change(change: Mapping[str, object]) -> dict[str, Json]:
    renamed = {"aspect_ratios": "ratios", "default_aspect_ratio": "default_ratio"}
    return {renamed.get(name, name): _plain(value) for name, value in change.items()}


def _price(offer: Offer) -> Json:
    if offer.price is None:
        return None
    usd = {key: f"{rate * offer.price_ratio:.6f}" for key, rate in offer.price.usd.items()}
    return {"unit": offer.price.unit, "usd": usd}


def _plain(value: object) -> Json:
    """Any value of a model card as JSON; sets in a stable order."""
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, InputRule):
        return _rule(value)
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(str(_plain(item)) for item in value)
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return str(value)

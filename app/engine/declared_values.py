"""Reads single values of a file; the bounds are those of the admin API's bodies (a test compares the two)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from app.domain.channels import ModelMap
from app.domain.json import Json, JsonObject
from app.domain.normalise.guard import parsed
from app.domain.normalise.values import Reading, elements, mapping, trimmed, wrong_type, wrong_value
from app.engine.addresses import network_text

T = TypeVar("T")

_MOST_MODELS = 10_000
_MICRO = Decimal("0.000001")
_RATIO_DIGITS = 15
_NONE = "none"  # TOML has no null


def line(longest: int, *, empty: bool = False) -> Reading[str]:
    """A reader of printable texts, trimmed."""
    read = trimmed(longest)

    def reading(value: Json, name: str) -> str:
        found = read(value, name)
        if not found.isprintable() or not (found or empty):
            raise wrong_value(name, "is empty, or holds control characters or broken Unicode")
        return found

    return reading


NAME, MODEL = line(100), line(200)


def optional(reading: Reading[T]) -> Reading[T | None]:
    """A reader of what `reading` reads, or of the word "none"."""
    return lambda value, name: None if value == _NONE else reading(value, name)


def several(reading: Reading[T], least: int, most: int) -> Reading[list[T]]:
    """A reader of lists."""

    def read(value: Json, name: str) -> list[T]:
        listed = elements(value)
        if listed is None:
            raise wrong_type(name, "a list")
        if not least <= len(listed) <= most:
            raise wrong_value(name, f"must hold from {least} to {most} entries")
        return [reading(item, f"{name}[{number}]") for number, item in enumerate(listed)]

    return read


def groups(value: Json, name: str) -> frozenset[str]:
    """The names of groups."""
    return frozenset(several(NAME, 1, 100)(value, name))


def key_models(value: Json, name: str) -> frozenset[str] | None:
    """The models that a key may use; `"*"` is all of them."""
    return None if value == "*" else frozenset(several(MODEL, 1, _MOST_MODELS)(value, name))


def channel_models(value: Json, name: str) -> ModelMap:
    """What a channel serves: `"*"`, a list of names, or public names with upstream names."""
    if value == "*":
        return "*"
    if isinstance(value, Mapping):
        if not 0 < len(value) <= _MOST_MODELS:
            raise wrong_value(name, f"must hold from 1 to {_MOST_MODELS} models")
        return {MODEL(public, name): MODEL(upstream, f"{name}.{public[:100]}") for public, upstream in value.items()}
    if elements(value) is None:
        raise wrong_type(name, '"*", a list of names, or a table of public names and upstream names')
    return {model: model for model in several(MODEL, 1, _MOST_MODELS)(value, name)}


def json_fields(value: Json, name: str) -> JsonObject:
    """Anything under names."""
    return {MODEL(field, name): item for field, item in mapping(value, name).items()}


def credential_fields(value: Json, name: str) -> JsonObject:
    """A credential; a text that is a JSON object (from a variable, say) is one."""
    return {NAME(field, name): _opened(item, f"{name}.{field[:100]}") for field, item in mapping(value, name).items()}


def ratio(value: Json, name: str) -> Decimal:
    """What prices are multiplied by."""
    found = _amount(value, name, 1_000_000)
    _, digits, exponent = found.normalize().as_tuple()
    if isinstance(exponent, int) and max(len(digits), -exponent) > _RATIO_DIGITS:
        raise wrong_value(name, f"has more than {_RATIO_DIGITS} digits")
    return found


def dollars(value: Json, name: str) -> Decimal:
    """An amount in USD, of whole micro-dollars."""
    found = _amount(value, name, 1_000_000_000)
    if found.quantize(_MICRO) != found:
        raise wrong_value(name, "has more than six decimals")
    return found


def moment(value: Json, name: str) -> datetime:
    """A time, in UTC where it names no other zone: a TOML date or time, ISO 8601 text, or Unix seconds."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise wrong_value(name, "is no time") from error
    raise wrong_type(name, "a time")


def network(value: Json, name: str) -> str:
    """An address or a network (CIDR)."""
    try:
        return network_text(trimmed(100)(value, name))
    except ValueError as error:
        raise wrong_value(name, str(error)) from error


def _opened(value: Json, name: str) -> Json:
    return parsed(value, name) if isinstance(value, str) and value.lstrip().startswith("{") else value


def _amount(value: Json, name: str, most: int) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong_type(name, "an amount, as a number or a text")
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise wrong_value(name, "is no amount") from error
    if not found.is_finite() or not 0 <= found <= most:
        raise wrong_value(name, f"must be from 0 to {most}")
    return found

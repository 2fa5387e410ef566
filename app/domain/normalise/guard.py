"""Refuses what no store, log or vendor could carry: NUL, lone surrogates, NaN, giant integers, absurd nesting."""

import json
import math
from collections.abc import Mapping, Sequence

from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.normalise.values import wrong_type, wrong_value

DEEPEST = 32  # levels below a field
_SHOWN = 100  # characters of a client's field name in an error


def check_fields(fields: JsonObject, prefix: str = "") -> None:
    """Raises InvalidRequest (invalid_value) naming the first field whose name or value cannot be carried."""
    for name in fields:
        if not _carries(name):
            raise InvalidRequest(
                "A field name holds a NUL or broken Unicode.", code="invalid_value", param=prefix.rstrip(".") or None
            )
    for name, value in fields.items():
        check_value(value, prefix + name[:_SHOWN])


def check_value(value: Json, name: str) -> None:
    """Raises InvalidRequest (invalid_value) when something inside the value cannot be carried."""
    level: list[Json] = [value]
    for _ in range(DEEPEST):
        level = [child for item in level for child in _children(item, name)]
        if not level:
            return
    raise wrong_value(name, "is nested too deeply")


def parsed(text: str, name: str) -> Json:
    """The JSON value in a text; raises InvalidRequest when there is none or it cannot be carried."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise wrong_value(name, "holds broken JSON") from error
    check_value(value, name)
    return value


def _children(item: Json, name: str) -> Sequence[Json]:
    if isinstance(item, str):
        if not _carries(item):
            raise wrong_value(name, "holds a NUL character or broken Unicode")
    elif isinstance(item, Mapping):
        return [*item, *item.values()]
    elif isinstance(item, Sequence):
        return item
    else:
        _check_scalar(item, name)
    return ()


def _check_scalar(item: bool | int | float | None, name: str) -> None:
    if isinstance(item, float):
        if not math.isfinite(item):
            raise wrong_value(name, "holds a number that is not finite")
    elif isinstance(item, int):
        if not -(2**63) <= item < 2**63:
            raise wrong_value(name, "holds an integer beyond 64 bits")
    elif item is not None:
        raise wrong_type(name, "a JSON value")


def _carries(text: str) -> bool:
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

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
    if not _carries("".join(fields)):
        raise InvalidRequest("A field name holds a NUL or broken Unicode.", code="invalid_value", param=prefix.rstrip(".") or None)
    for name, value in fields.items():
        if type(value) is not str or not _carries(value):  # most are texts, about which there is nothing more to say
            check_value(value, prefix + name[:_SHOWN])


def check_value(value: Json, name: str) -> None:
    """Raises InvalidRequest (invalid_value) when something inside the value cannot be carried."""
    level = _children(value, name)
    depth = 1
    while level:
        if depth == DEEPEST:
            raise wrong_value(name, "is nested too deeply")
        level = [child for item in level for child in _children(item, name)]
        depth += 1


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
    elif isinstance(item, int):
        if not -(2**63) <= item < 2**63:
            raise wrong_value(name, "holds an integer beyond 64 bits")
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise wrong_value(name, "holds a number that is not finite")
    elif isinstance(item, Mapping):
        return [*item, *item.values()]
    elif isinstance(item, Sequence):
        return item
    elif item is not None:
        raise wrong_type(name, "a JSON value")
    return ()


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

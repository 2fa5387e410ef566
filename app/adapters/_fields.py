"""Shared pure helpers of the adapters: write only what was given, read whatever a vendor may have sent."""

import binascii
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pybase64

from app.domain.json import Json, JsonObject
from app.domain.media import Media

EMPTY: JsonObject = {}
_HEAD = 256  # characters in which the head of a data URI ends


def given(fields: Mapping[str, Json]) -> dict[str, Json]:
    """The fields without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def base64_text(media: Media) -> str:
    """The medium's bytes as bare base64."""
    return pybase64.b64encode_as_string(media.data or b"")


def data_uri(media: Media) -> str:
    """The medium's bytes as `data:<mime>;base64,…`."""
    return f"data:{media.mime or 'application/octet-stream'};base64,{base64_text(media)}"


def link(media: Media) -> str:
    """The medium as one string: its URL, or its bytes as a data URI."""
    return media.src if media.data is None else data_uri(media)


def table(value: Json) -> JsonObject:
    """The value if it is an object, else an empty one."""
    if type(value) is dict or isinstance(value, Mapping):  # an abstract class is asked ten times slower
        return value
    return EMPTY


def items(value: Json) -> Sequence[Json]:
    """The value if it is a list, else an empty one."""
    if type(value) is list:
        return value
    if value is None or isinstance(value, str | bytes | dict) or not isinstance(value, Sequence):
        return ()
    return value


def dig(value: Json, *path: str | int) -> Json:
    """What lies under these keys and indexes; None where the path breaks off."""
    for step in path:
        if isinstance(step, str):
            value = table(value).get(step)
        else:
            found = items(value)
            value = found[step] if 0 <= step < len(found) else None
    return value


def text(value: Json) -> str | None:
    """A non-empty string, or a number as one; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def number(value: Json) -> float | None:
    """A finite number, also one written as a string; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: Json) -> int | None:
    """A number without its fraction, if 64 bits hold it; else None."""
    found = number(value)
    return None if found is None or abs(found) >= 2**63 else int(found)


def web_link(value: Json) -> str | None:
    """An http(s) URL; else None."""
    found = text(value)
    return found if found is not None and found.lower().startswith(("http://", "https://")) else None


def decoded(value: Json) -> bytes | None:
    """The bytes of a base64 text (a data URI too); None when it is none."""
    if not isinstance(value, str) or not value:
        return None
    # the strict way is forty times faster, and pictures are megabytes: even to look for a comma in all of them takes its time
    with suppress(ValueError, binascii.Error):
        return pybase64.b64decode(value[value.find(",", 0, _HEAD) + 1 :], validate=True) or None
    with suppress(ValueError, binascii.Error):
        return pybase64.b64decode(value.rpartition(",")[2], validate=False) or None
    return None

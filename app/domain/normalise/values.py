"""Reads single values as clients write them; every refusal names the client's own field."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, TypeAlias, TypeVar

from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject

T = TypeVar("T")

_PLAIN = frozenset({bool, int, float})
_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no"})
_LONGEST_WORD = 64
_INTEGER = re.compile(r"([+-]?[0-9]{1,19})(?:\.0{1,9})?")


class Elsewhere(Enum):
    """Says that a value is well formed but belongs to another field (`mode: "pro"` is a quality)."""

    ELSEWHERE = "elsewhere"


ELSEWHERE: Final = Elsewhere.ELSEWHERE
Reading: TypeAlias = Callable[[Json, str], T]  # a value and the client's name for it -> what it means


class UploadRef(str):
    """The place of an uploaded file in a body: `upload:<part>#<index>:<filename>`.

    Only the gateway makes these, from file parts; the same text written by a client is a plain string and is refused.
    """

    __slots__ = ()

    @classmethod
    def of(cls, part: str, index: int, filename: str) -> "UploadRef":
        """The reference to the index-th file (from 0) among the parts of that name."""
        return cls(f"upload:{part}#{index}:{filename}")


def given(value: Json) -> bool:
    """Whether a value says anything: null, blank text and empty containers do not; 0 and false do."""
    if isinstance(value, str):
        return bool(value) and not value.isspace()
    if type(value) in _PLAIN:  # told without the abstract classes, which are slow to ask
        return True
    return value is not None and (not isinstance(value, Mapping | Sequence) or len(value) > 0)


def elements(value: Json) -> Sequence[Json] | None:
    """The value as a list, or None when it is no list."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else None


def wrong_type(name: str, wanted: str) -> InvalidRequest:
    """The refusal of a value of the wrong JSON type."""
    return InvalidRequest(f"`{name}` must be {wanted}.", code="invalid_type", param=name)


def wrong_value(name: str, why: str) -> InvalidRequest:
    """The refusal of a value of the right type; `why` follows the field's name in the message."""
    return InvalidRequest(f"`{name}` {why}.", code="invalid_value", param=name)


def text(value: Json, name: str) -> str:
    """Any string, as written."""
    if not isinstance(value, str) or type(value) is UploadRef:
        raise wrong_type(name, "a string")
    return value


def trimmed(limit: int) -> Reading[str]:
    """A reader of strings without surrounding blanks, of at most `limit` characters."""

    def read(value: Json, name: str) -> str:
        word = text(value, name).strip()
        if len(word) > limit:
            raise wrong_value(name, f"is longer than {limit} characters")
        return word

    return read


def prose(limit: int) -> Reading[str]:
    """A reader of strings kept exactly as written, of at most `limit` characters."""

    def read(value: Json, name: str) -> str:
        words = text(value, name)
        if len(words) > limit:
            raise wrong_value(name, f"is longer than {limit} characters")
        return words

    return read


def word(value: Json, name: str) -> str:
    """An enumeration word: trimmed and lower-cased."""
    found = text(value, name)
    if len(found) > _LONGEST_WORD:
        raise wrong_value(name, f"is longer than {_LONGEST_WORD} characters")
    return found.strip().lower()


def one_of(*words: str) -> Reading[str]:
    """A reader of one of these words."""

    def read(value: Json, name: str) -> str:
        found = word(value, name)
        if found not in words:
            raise wrong_value(name, f"must be one of {', '.join(words)}")
        return found

    return read


def integer(low: int, high: int) -> Reading[int]:
    """A reader of whole numbers from `low` to `high`, as numbers or text."""

    def read(value: Json, name: str) -> int:
        number = _whole(value, name)
        if not low <= number <= high:
            raise wrong_value(name, f"must be from {low} to {high}")
        return number

    return read


def boolean(value: Json, name: str) -> bool:
    """true/false, 1/0, or one of the words true, false, on, off, yes, no."""
    found = truth(value)
    if found is None:
        raise wrong_value(name, "must be true or false") if isinstance(value, str) else wrong_type(name, "a boolean")
    return found


def truth(value: Json) -> bool | None:
    """What a boolean-like value says; None when it is none."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return bool(value) if value in (0, 1) else None
    if not isinstance(value, str) or len(value) > 16:
        return None
    found = value.strip().lower()
    return True if found in _TRUE else False if found in _FALSE else None


def mapping(value: Json, name: str) -> JsonObject:
    """A JSON object."""
    if not isinstance(value, Mapping):
        raise wrong_type(name, "an object")
    return value


def _whole(value: Json, name: str) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and not isinstance(value, UploadRef):
        parts = _INTEGER.fullmatch(value.strip()) if len(value) <= _LONGEST_WORD else None
        if parts is None:
            raise wrong_value(name, "must be a whole number")
        return int(parts[1])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "a whole number")
    if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        raise wrong_value(name, "must be a whole number")
    return int(value)

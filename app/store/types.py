"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
from sqlalchemy import BigInteger, Dialect, Integer, Text, TypeDecorator

from app.domain.json import Json

Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER primary key


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_plain)


def _encoded(value: Json) -> str:
    """The fast encoder's text where that is what the other one would have written."""
    try:
        text = orjson.dumps(value, default=_plain)
    except TypeError:  # half a character, a giant number
        return _ENCODER.encode(value)
    plain = text.isascii() and b"null" not in text  # a null may stand for an infinite number
    return text.decode() if plain else _ENCODER.encode(value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware time, kept as whole microseconds since 1970 UTC: exact, sortable, free of session time zones."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A stored time must have a time zone.")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class JsonText(TypeDecorator[Json]):
    """JSON as ASCII text, so that NUL, lone surrogates and integers of any size survive; None is NULL.

    PostgreSQL's own JSON types refuse some of these, and so does a parser faster than the standard library's.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Json, dialect: Dialect) -> str | None:
        return None if value is None else _encoded(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Json:
        if value is None:
            return None
        found: Json = json.loads(value)
        return found


class DecimalText(TypeDecorator[Decimal]):
    """A decimal number as its own text: SQLite would make a binary float of it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class ForeignText(TypeDecorator[str]):
    """Text that a vendor wrote: what a database cannot hold (NUL, lone surrogates) becomes U+FFFD.

    A paid job must never be lost because an answer held a byte that PostgreSQL refuses.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        held = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return held.replace("\0", "\ufffd")

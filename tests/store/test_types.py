"""Column values are exact on the way in and out."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from app.domain.json import Json
from app.store.types import DecimalText, ForeignText, JsonText, Moment

DIALECT = sqlite.dialect()

texts = st.text(st.characters(codec=None, categories=None))
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
documents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=8)


@given(documents)
def test_any_json_comes_back_and_is_plain_ascii_without_nul(document: Json) -> None:
    stored = JsonText().process_bind_param(document, DIALECT)
    assert stored is None or (stored.isascii() and "\0" not in stored)
    assert JsonText().process_result_value(stored, DIALECT) == document


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7, minutes=30))])))
def test_a_time_comes_back_to_the_microsecond_in_utc(moment: datetime) -> None:
    stored = Moment().process_bind_param(moment, DIALECT)
    try:
        wanted = moment.astimezone(UTC)
    except OverflowError:
        return
    found = Moment().process_result_value(stored, DIALECT)
    assert found == wanted
    assert found is not None
    assert found.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001  # the very thing


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_digits(number: Decimal) -> None:
    stored = DecimalText().process_bind_param(number, DIALECT)
    assert str(DecimalText().process_result_value(stored, DIALECT)) == str(number)


@given(texts)
def test_a_vendors_text_becomes_what_both_databases_hold(text: str) -> None:
    stored = ForeignText().process_bind_param(text, DIALECT)
    assert stored is not None
    assert "\0" not in stored
    stored.encode("utf-8")
    if "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert stored == text

"""Numbers, times and amounts as people read them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import orjson
from markupsafe import Markup, escape

from app.console.texts import Language, translated
from app.domain.json import Json

_UNITS = ("B", "KB", "MB", "GB", "TB")


def filters(language: Language) -> Mapping[str, Callable[..., object]]:
    """What templates may put after a value."""
    return {
        "money": money,
        "number": number,
        "size": size,
        "span": span,
        "percent": percent,
        "moment": moment,
        "pretty": pretty,
        "compact": compact,
        "told": partial(told, language=language),
        "told_pair": lambda word: (word, translated(word, language)),
    }


def money(amount: str | Decimal | None) -> str:
    """Dollars: two digits after the point, more where the amount is less than a cent."""
    if amount is None:
        return "–"
    value = Decimal(amount)
    round_enough = abs(value) >= 1 or value == value.quantize(Decimal("0.01"))
    text = f"{abs(value):,.2f}" if round_enough else f"{abs(value):.6f}".rstrip("0")
    return f"−${text}" if value < 0 else f"${text}"


def number(value: float | None) -> str:
    """A count with thousands told apart."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def size(count: int | None) -> str:
    """Bytes."""
    if count is None:
        return "–"
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def span(seconds: float | None) -> str:
    """A time span."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def percent(share: float | None) -> str:
    """A share between 0 and 1."""
    return "–" if share is None else f"{share * 100:.1f}".removesuffix(".0") + " %"


def moment(at: float | datetime | None) -> Markup:
    """A time in UTC, which the script shows as the reader's own."""
    if at is None:
        return Markup("–")
    when = at.astimezone(UTC) if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(timespec="seconds"), f"{when:%Y-%m-%d %H:%M:%S} UTC")


def pretty(value: Json) -> str:
    """JSON for people."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


def compact(value: Json) -> str:
    """JSON in one line; a text as it is."""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def told(text: str, language: Language) -> Markup:
    """A word of ours (a status, a kind) in the reader's language."""
    return escape(translated(text, language))

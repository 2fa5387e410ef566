"""Money as people see it: decimal strings in USD, days and times in UTC."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.domain.channels import BudgetPeriod, Key
from app.domain.json import Json
from app.domain.money import usd
from app.domain.prices import Terms
from app.engine.views import ratio_view, seconds
from app.store.ledger import Line
from app.store.spending import Spending, counted_period
from app.store.usage import Dimension, Usage

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run (owasp.org, CSV Injection, read 2026-11-21)
_FIGURES = ("jobs", "completed", "failed", "results", "seconds", "usd")


@dataclass(frozen=True, slots=True)
class Names:
    """What keys and channels are called, by id; those that are deleted have no name any more."""

    keys: Mapping[str, str | None] = field(default_factory=dict)
    channels: Mapping[str, str | None] = field(default_factory=dict)


def line_view(line: Line) -> dict[str, Json]:
    """A line of the ledger; negative is taken from the key."""
    return {
        "id": line.id,
        "at": seconds(line.at),
        "key_id": line.key_id,
        "job_id": line.job_id,
        "kind": line.kind,
        "usd": usd(line.micros),
    }


def terms_view(terms: Terms | None) -> dict[str, Json] | None:
    """The price under which a job is made."""
    if terms is None:
        return None
    price = terms.price
    return {
        "unit": None if price is None else price.unit,
        "usd": None if price is None else {tier: str(rate) for tier, rate in price.usd.items()},
        "ratio": ratio_view(terms.ratio),
    }


def spending_view(spending: Spending) -> dict[str, Json]:
    """What a key spent and what is held for it, in its budget's period; and what it spent ever."""
    return {
        "spent_usd": usd(spending.spent),
        "reserved_usd": usd(spending.reserved),
        "spent_total_usd": usd(spending.total),
    }


def figures_view(usage: Usage) -> dict[str, Json]:
    """What was made and what it cost."""
    made = {"jobs": usage.jobs, "completed": usage.completed, "failed": usage.failed, "results": usage.results}
    length = round(usage.seconds, 3)
    return {**made, "seconds": int(length) if length == int(length) else length, "usd": usd(usage.spent)}


def usage_view(usage: Usage, names: Names) -> dict[str, Json]:
    """One line of usage, with what it was told apart by."""
    line: dict[str, Json] = {}
    for dimension, value in usage.of.items():
        if dimension is Dimension.KEY:
            line |= {"key_id": value, "key_name": names.keys.get(value)}
        elif dimension is Dimension.CHANNEL:  # a job that no channel took has none
            line |= {"channel_id": value or None, "channel_name": names.channels.get(value)}
        else:
            line[dimension.value] = value
    return {**line, **figures_view(usage)}


def csv_columns(dimensions: Iterable[Dimension]) -> tuple[str, ...]:
    """The header of a table of usage."""
    wide = {Dimension.KEY: ("key_id", "key_name"), Dimension.CHANNEL: ("channel_id", "channel_name")}
    return (*(name for dimension in dimensions for name in wide.get(dimension, (dimension.value,))), *_FIGURES)


def csv_text(rows: Iterable[Sequence[Json]]) -> str:
    """Rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula is made a text by a quotation mark."""
    written = io.StringIO()
    csv.writer(written).writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


def own_usage_view(key: Key, spending: Spending, now: datetime, days: Iterable[Usage], models: Iterable[Usage]) -> dict[str, Json]:
    """What a key's holder may know: its spending and limits, and what it made lately by day and by model."""
    period = counted_period(key)
    start, end = period_bounds(period, now)
    budget = key.budget
    limits: dict[str, Json] = {"rpm": key.rpm, "max_concurrency": key.max_concurrency}
    if key.allowed_ips:
        limits["allowed_ips"] = list(key.allowed_ips)
    return {
        "object": "usage",
        "key": {"id": key.id, "name": key.name},
        "currency": "usd",
        **spending_view(spending),
        "budget_usd": None if budget is None else usd(budget),
        "budget_period": period,
        "remaining_usd": None if budget is None else usd(max(budget - spending.spent - spending.reserved, 0)),
        "period": {"start": seconds(start), "end": seconds(end)},
        "limits": limits,
        "by_day": [usage_view(line, Names()) for line in days],
        "by_model": [usage_view(line, Names()) for line in models],
    }


def period_bounds(period: BudgetPeriod, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When the period around this time began, and when the next one begins; None for all time."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight, midnight + timedelta(days=1)
    if period == "month":
        first = midnight.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    return None, None


def _cell(value: Json) -> Json:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

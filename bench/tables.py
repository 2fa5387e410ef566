"""Rows of interleaved rounds as a table for people, and figures from them."""

import math
from collections.abc import Mapping

from bench.load import Manner
from bench.rounds import Row, Rows
from bench.targets import BARE

COLUMNS = (
    "case",
    "served by",
    "connections",
    "rps",
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "CPU µs to the end",
    "CPU to bare",
    "RSS MB",
    "errors",
)


def table(rows: Rows) -> tuple[tuple[str, ...], ...]:
    """One line a row. "To the end" adds what an answer left to do; "to bare" divides that by the bare pass-through's."""
    bare = {_case(row): row for row in rows.all if row.case.target.name == BARE}
    return tuple(_cells(row, bare.get(_case(row))) for row in rows.all)


def measured(figures: Mapping[str, float]) -> dict[str, float]:
    """Those that are known."""
    return {name: value for name, value in figures.items() if not math.isnan(value)}


def per_core(row: Row) -> float:
    """Answers that a core could give in a second with nothing left undone."""
    return 1e6 / row.median("whole_cpu_us")


def _case(row: Row) -> tuple[str, Manner]:
    return row.case.title, row.case.manner


def _cells(row: Row, bare: Row | None) -> tuple[str, ...]:
    case, known, whole = row.case, row.case.target.measured, row.median("whole_cpu_us")
    return (
        case.title,
        case.target.name,
        str(case.manner.connections),
        f"{row.median('rps'):.0f}",
        f"{row.median('p50_ms'):.2f}",
        f"{row.median('p99_ms'):.2f}",
        f"{row.median('cpu_us'):.0f}" if known else "",
        f"{whole:.0f}" if known else "",
        f"{whole / bare.median('whole_cpu_us'):.2f}" if known and bare is not None else "",
        f"{row.median('resident_mb'):.0f}" if known else "",
        str(row.errors()),
    )

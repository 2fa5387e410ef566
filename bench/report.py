"""A run as Markdown for people and as JSON for comparison."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from bench import goals
from bench.findings import Finding
from bench.machine import in_words
from bench.setting import Pace

_GOAL_COLUMNS = ("goal", "what", "must", "aim", "measured", "verdict")
_HEAD = """\
Medians of {rounds} interleaved rounds of {seconds:g} s, one worker, everything on (keys, routing, limits, ledger, logs, metrics),
SQLite with synchronous=FULL, loopback without TLS. The server is pinned to one core, load and vendor to another. CPU is all that
the server took, divided by its answers. Compare only inside one table."""
_QUICK = "**A quick run: it shows that everything works. It is too short and too small for any verdict.**"
_GOALS = "Where a goal has a figure in brackets, that is with results copied, the other without: no peer keeps any, so it counts."


def refusals(findings: Sequence[Finding]) -> dict[str, str]:
    """The tables in which the gateway did not answer everything well, by code."""
    found = {}
    for finding in findings:
        if {"served by", "errors"} <= set(finding.columns):
            rows = [dict(zip(finding.columns, row, strict=True)) for row in finding.rows]
            count = sum(int(row["errors"] or 0) for row in rows if row["served by"].startswith("gateway"))
            if count:
                found[finding.code] = f"{count} requests failed at the gateway"
    return found


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that one run of the suite found, and on what; `failed` names workloads that broke, with the reason."""

    at: datetime
    pace: Pace
    machine: Mapping[str, object]
    findings: Sequence[Finding]
    failed: Mapping[str, str]

    def figures(self) -> dict[str, float]:
        """Of all workloads."""
        return {name: value for finding in self.findings for name, value in finding.figures.items()}


def write(run: Run, folder: Path) -> tuple[Path, Path]:
    """Both files, named by the time of the run."""
    stem = folder / f"{run.at:%Y%m%dT%H%M%SZ}"
    document, text = stem.with_suffix(".json"), stem.with_suffix(".md")
    document.write_text(json.dumps(_document(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text.write_text(markdown(run) + "\n", encoding="utf-8")
    return document, text


def markdown(run: Run) -> str:
    """The machine, the goals, and a table for each finding."""
    parts = [
        f"# Benchmarks, {run.at:%Y-%m-%d %H:%M} UTC, {run.pace.name} pace",
        in_words(run.machine),
        head(run.pace),
        "## Goals",
        goals_in_words(run.figures()),
    ]
    for finding in run.findings:
        parts += [f"## {finding.code} {finding.title}", table(finding.columns, finding.rows), finding.note]
    parts += [f"**{workload} broke:** {reason}" for workload, reason in run.failed.items()]
    return "\n\n".join(filter(None, parts))


def head(pace: Pace) -> str:
    """How it was measured."""
    words = _HEAD.format(rounds=pace.rounds, seconds=pace.seconds)
    return f"{words}\n\n{_QUICK}" if pace.quick else words


def goals_in_words(figures: Mapping[str, float]) -> str:
    """Every goal with its verdict."""
    return f"{table(_GOAL_COLUMNS, goals.table(figures))}\n\n{_GOALS}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of figures stand to the right."""
    numeric = [all(_is_figure(row[index]) for row in rows) for index in range(len(columns))]
    lines = [columns, ["---:" if right else "---" for right in numeric], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _is_figure(cell: str) -> bool:
    return not cell or cell.lstrip("+-")[:1].isdigit()


def _document(run: Run) -> dict[str, object]:
    return {
        "at": run.at.isoformat(timespec="seconds"),
        "pace": asdict(run.pace),
        "machine": run.machine,
        "goals": [dict(zip(_GOAL_COLUMNS, line, strict=True)) for line in goals.table(run.figures())],
        "findings": [asdict(finding) | {"figures": dict(finding.figures)} for finding in run.findings],
        "failed": run.failed,
    }

"""Puts runs into docs/benchmarks.md: everything below its mark is made anew.

    python -m bench.page bench/results/RUN.json [OTHER.json ...]

Workloads that take long are run by themselves; what a later file holds stands in the place of the same table of an earlier one.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bench.findings import Finding
from bench.machine import in_words
from bench.processes import ROOT
from bench.report import Run, goals_in_words, head, table
from bench.setting import Pace

PAGE = ROOT / "docs" / "benchmarks.md"
MARK = "<!-- from here on made by `python -m bench.page` -->"


def read(path: Path) -> Run:
    """The run that a file holds; raises OSError, ValueError, KeyError and TypeError for what is none."""
    found = json.loads(path.read_text(encoding="utf-8"))
    findings = [
        Finding(**{**one, "columns": tuple(one["columns"]), "rows": tuple(map(tuple, one["rows"]))}) for one in found["findings"]
    ]
    return Run(datetime.fromisoformat(found["at"]), Pace(**found["pace"]), found["machine"], findings, found["failed"])


def joined(runs: Sequence[Run]) -> list[tuple[Finding, Run]]:
    """Each table of all runs once, its newest, in the order of their first appearance."""
    found: dict[tuple[str, str], tuple[Finding, Run]] = {}
    for run in runs:
        for finding in run.findings:
            found[finding.code, finding.title] = finding, run
    return list(found.values())


def made(runs: Sequence[Run]) -> str:
    """What stands below the mark; the machine is that of the first run."""
    first, findings = runs[0], joined(runs)
    figures = {name: value for finding, _ in findings for name, value in finding.figures.items()}
    parts = [in_words(first.machine), head(first.pace), "### Goals", goals_in_words(figures)]
    for finding, run in findings:
        parts += [f"### {finding.code} {finding.title}", table(finding.columns, finding.rows), *_words(finding, run, first)]
    return "\n\n".join(filter(None, parts))


def _words(finding: Finding, run: Run, first: Run) -> Iterator[str]:
    yield finding.note
    if run is not first:
        yield f"Run by itself: {run.at:%Y-%m-%d %H:%M} UTC, commit {run.machine['commit']}."


def main() -> int:
    """The command."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    written, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        print(f"{PAGE} has no line {MARK}", file=sys.stderr)
        return 1
    PAGE.write_text(f"{written}{MARK}\n\n{made([read(Path(name)) for name in sys.argv[1:]])}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

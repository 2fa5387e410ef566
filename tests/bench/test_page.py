"""The page of benchmarks is made of runs: what people wrote stays, each table is there once, in its newest form."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import page


def run(at: str, commit: str, *findings: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": at,
        "pace": {"name": "full", "rounds": 3, "seconds": 2.0},
        "machine": {"commit": commit, "cores": {"of the machine": 2}},
        "goals": [],
        "findings": [{"note": "", "figures": {}, **finding} for finding in findings],
        "failed": {},
    }


def finding(code: str, cell: str, **figures: float) -> dict[str, Any]:
    return {"code": code, "title": f"Title of {code}", "columns": ["what"], "rows": [[cell]], "figures": figures}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "page.md").write_text(f"# Written by people\n\n{page.MARK}\n\nold\n", encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    runs = (
        run("2026-11-22T03:00:00+00:00", "aaa", finding("W1", "first"), finding("W2", "stays")),
        run("2026-11-22T04:00:00+00:00", "bbb", finding("W1", "newer"), finding("W9", "own", **{"start of the gateway s": 0.5})),
    )
    names = [tmp_path / f"{number}.json" for number in range(len(runs))]
    for name, content in zip(names, runs, strict=True):
        name.write_text(json.dumps(content), encoding="utf-8")
    return [str(name) for name in names]


def test_it_joins_runs_below_its_mark(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["page", *files])
    assert page.main() == 0
    text = page.PAGE.read_text(encoding="utf-8")
    assert text.startswith("# Written by people\n")
    assert "old" not in text.partition(page.MARK)[2]
    assert [word in text for word in ("first", "newer", "stays", "own")] == [False, True, True, True]
    assert text.index("### W1") < text.index("### W2") < text.index("### W9")
    assert text.count("Run by itself: 2026-11-22 04:00 UTC, commit bbb.") == 2
    assert page.main() == 0
    assert page.PAGE.read_text(encoding="utf-8") == text


def test_a_page_without_its_mark_stays_as_it_is(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    page.PAGE.write_text("no mark\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["page", *files])
    assert page.main() == 1
    assert page.PAGE.read_text(encoding="utf-8") == "no mark\n"


def test_the_real_page_has_its_mark() -> None:
    assert page.MARK in page.PAGE.read_text(encoding="utf-8")

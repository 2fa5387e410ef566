"""A run as a page."""

import json
from datetime import UTC, datetime
from pathlib import Path

from bench.findings import Finding
from bench.report import Run, markdown, refusals, table, write
from bench.setting import FULL, QUICK, Pace

FINDING = Finding("W9", "Memory", ("served by", "idle MB"), (("gateway", "58"), ("LiteLLM", "326")), {"idle MB": 58.0}, "A note.")


def run(pace: Pace, failed: dict[str, str] | None = None) -> Run:
    return Run(datetime(2026, 11, 21, 12, tzinfo=UTC), pace, {"commit": "abc", "peers": {}}, [FINDING], failed or {})


def test_figures_stand_to_the_right_and_words_to_the_left() -> None:
    assert table(("name", "MB"), (("a|b", "1.5"), ("c", ""))).splitlines() == [
        "| name | MB |",
        "| --- | ---: |",
        "| a/b | 1.5 |",
        "| c |  |",
    ]


def test_a_page_shows_the_goals_each_finding_and_what_broke() -> None:
    page = markdown(run(FULL, {"lag": "RuntimeError: no"}))

    assert "| W9b | idle memory of a worker, console included | ≤ 80 MB | ≤ 80 MB | 58 MB | aim reached |" in page
    assert "## W9 Memory\n\n| served by | idle MB |\n| --- | ---: |\n| gateway | 58 |" in page
    assert page.endswith("A note.\n\n**lag broke:** RuntimeError: no")


def test_a_quick_run_says_that_it_proves_nothing() -> None:
    assert "too short" in markdown(run(QUICK))
    assert "too short" not in markdown(run(FULL))


def test_requests_that_the_gateway_failed_are_a_failure_and_others_are_theirs() -> None:
    columns = ("served by", "errors")
    findings = [
        Finding("W1", "Images", columns, (("gateway", "0"), ("LiteLLM", "7")), {}),
        Finding("W2", "Pictures", columns, (("gateway", "2"), ("gateway, results not kept", "1")), {}),
        FINDING,
    ]

    assert refusals(findings) == {"W2": "3 requests failed at the gateway"}


def test_a_run_is_written_twice(tmp_path: Path) -> None:
    document, text = write(run(FULL), tmp_path)

    assert text.read_text(encoding="utf-8") == markdown(run(FULL)) + "\n"
    found = json.loads(document.read_text(encoding="utf-8"))
    assert found["findings"][0]["figures"] == {"idle MB": 58.0}
    assert next(goal for goal in found["goals"] if goal["goal"] == "W9b")["verdict"] == "aim reached"

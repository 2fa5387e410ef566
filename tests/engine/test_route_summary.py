"""A route in one header: short, printable, and safe whatever channels are called."""

from typing import Any

import pytest

from app.domain.attempts import Attempt
from app.domain.json import JsonObject
from app.engine.plan import RouteStep
from app.engine.route_summary import route_summary, steps_of
from tests.store.samples import NOW

ROUTE = (
    RouteStep("env-ark", True, "first choice"),
    RouteStep("backup", True, "fallback"),
    RouteStep("old", False, "disabled"),
)


def attempt(channel: str, outcome: str, status: int | None = None, **values: Any) -> Attempt:
    return Attempt(
        job_id="job_1",
        number=1,
        channel_id="channel_1",
        channel_name=channel,
        credential_id="",
        started_at=NOW,
        outcome=outcome,
        status=status,
        **values,
    )


def test_a_plan_says_who_is_chosen_and_who_is_left_out() -> None:
    assert route_summary(ROUTE) == "env-ark=chosen; backup=fallback; old=skipped (disabled)"


def test_another_channel_can_be_the_chosen_one() -> None:
    assert route_summary(ROUTE, chosen="backup") == "env-ark=fallback; backup=chosen; old=skipped (disabled)"


def test_a_jobs_attempts_come_first_with_what_they_answered() -> None:
    asked = (attempt("env-ark", "refused", 429), attempt("backup", "accepted", 200))
    assert route_summary(ROUTE, asked) == "env-ark=429; backup=accepted; old=skipped (disabled)"


@pytest.mark.parametrize(
    ("outcome", "status", "shown"),
    [
        ("refused", 503, "503"),
        ("refused", None, "refused"),
        ("not sent", None, "not sent"),
        ("unknown", 504, "unknown"),
        ("accepted", 200, "accepted"),
        ("", None, "asked"),
    ],
)
def test_the_outcome_of_an_attempt_is_one_word(outcome: str, status: int | None, shown: str) -> None:
    assert (
        route_summary(ROUTE, [attempt("env-ark", outcome, status)]) == f"env-ark={shown}; backup=fallback; old=skipped (disabled)"
    )


def test_a_channel_that_was_renamed_since_stands_with_the_name_of_then() -> None:
    assert route_summary((), [attempt("gone", "accepted")]) == "gone=accepted"


def test_a_job_without_a_route_has_an_empty_summary() -> None:
    assert route_summary(()) == ""


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a b", "a b"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("a=b; c%d", "a%3Db%3B c%25d"),
        ("a\r\nset-cookie: x=1", "a%0D%0Aset-cookie: x%3D1"),
        ("\x00\x7f", "%00%7F"),
        ("\ud800", "?"),
    ],
)
def test_what_is_not_printable_or_is_our_punctuation_is_encoded(name: str, written: str) -> None:
    assert route_summary([RouteStep(name, True, "first choice")]) == f"{written}=chosen"
    assert route_summary([RouteStep("x", False, name)]) == f"x=skipped ({written})"


def test_a_long_name_or_reason_is_cut_between_characters() -> None:
    summary = route_summary([RouteStep("視" * 100, False, "é" * 500)])
    assert summary.startswith("%E8%A6%96")
    assert len(summary) < 450
    assert summary.count("...") == 2
    for part in summary.split("%")[1:]:
        assert len(part) >= 2


def test_a_long_route_is_cut_between_channels() -> None:
    summary = route_summary([RouteStep(f"channel {number}", False, "disabled") for number in range(100)])
    assert len(summary) <= 1_000
    assert summary.endswith("=skipped (disabled); ...")


def test_a_stored_route_is_read_back() -> None:
    stored: list[JsonObject] = [{"channel": step.channel, "eligible": step.eligible, "reason": step.reason} for step in ROUTE]
    assert tuple(steps_of(stored)) == ROUTE
    assert steps_of([{"channel": "a"}]) == [RouteStep("a", False, "")]

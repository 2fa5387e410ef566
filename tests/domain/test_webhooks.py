"""Whom a job's end is told, how often that is tried, and which secrets sign it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.jobs import Job, JobStatus
from app.domain.webhooks import OVERLAP, Webhook, WebhookSecrets, WebhookState, next_due, pause_asked
from tests.store.samples import job

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOOK = "https://app.example.com/hook"


def ended(op: str = "video", status: JobStatus = JobStatus.COMPLETED) -> Job:
    return replace(job(op=op), status=status, callback_url=HOOK)


@pytest.mark.parametrize(
    ("op", "status", "kind"),
    [
        ("video", JobStatus.COMPLETED, "video.completed"),
        ("video", JobStatus.FAILED, "video.failed"),
        ("image", JobStatus.COMPLETED, "image.completed"),
        ("image", JobStatus.FAILED, "image.failed"),
    ],
)
def test_an_ended_job_is_told_at_once(op: str, status: JobStatus, kind: str) -> None:
    webhook = Webhook.of(ended(op, status), NOW, "evt_1")
    assert webhook == Webhook(
        id="evt_1", key_id="key_a", job_id="job_000001", url=HOOK, type=kind, created_at=NOW, state=WebhookState.PENDING, due=NOW
    )


@pytest.mark.parametrize(
    "unheard",
    [{"callback_url": None}, {"parent_id": "job_2"}, {"status": JobStatus.IN_PROGRESS}, {"status": JobStatus.QUEUED}],
)
def test_nobody_is_told_of_a_part_or_of_what_goes_on_or_without_an_address(unheard: dict[str, Any]) -> None:
    assert Webhook.of(replace(ended(), **unheard), NOW, "evt_1") is None


@pytest.mark.parametrize("roll", [0.0, 0.5, 1.0])
def test_at_least_eight_tries_over_at_least_a_day(roll: float) -> None:
    at, tries = NOW, 1
    while (due := next_due(tries, at, roll)) is not None:
        assert due > at
        at, tries = due, tries + 1
    assert tries >= 8
    assert timedelta(hours=24) <= at - NOW <= timedelta(hours=36)


@pytest.mark.parametrize(
    ("tries", "asked", "pause"),
    [
        (1, timedelta(seconds=8), timedelta(seconds=8)),
        (1, timedelta(days=1), timedelta(seconds=10)),
        (2, timedelta(seconds=1), timedelta(minutes=1)),
        (4, timedelta(minutes=40), timedelta(minutes=40)),
        (4, timedelta(days=9), timedelta(hours=1)),
        (5, timedelta(hours=3), timedelta(hours=2)),
        (8, None, timedelta(hours=10)),
    ],
)
def test_a_receiver_may_ask_for_a_longer_pause_within_bounds(tries: int, asked: timedelta | None, pause: timedelta) -> None:
    assert next_due(tries, NOW, 0.0, asked) == NOW + pause


def test_no_pause_that_is_asked_for_makes_more_tries() -> None:
    assert next_due(9, NOW, 0.0, timedelta(seconds=5)) is None


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(0)),
        ("Sat, 21 Nov 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Sat, 21 Nov 2026 11:59:00 GMT", None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 5_000, None),
        ("soon", None),
        ("Sat, 31 Feb 2026 12:01:30 GMT", None),
        ("Sat, 21 Nov 20260 12:01:30 GMT", None),
    ],
)
def test_a_pause_is_read_as_seconds_or_as_a_date(header: str, pause: timedelta | None) -> None:
    assert pause_asked(header, NOW) == pause


def test_tries_are_spread_by_chance() -> None:
    assert next_due(4, NOW, 0.0) != next_due(4, NOW, 0.9)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (HOOK, "https://app.example.com"),
        ("http://[::1]:8000?x=/", "http://[::1]:8000"),
        ("https://app.example.com", "https://app.example.com"),
        ("nonsense", "nonsense"),
    ],
)
def test_the_origin_is_everything_before_the_path(url: str, origin: str) -> None:
    webhook = Webhook.of(replace(ended(), callback_url=url), NOW, "evt_1")
    assert webhook is not None
    assert webhook.origin == origin


def test_the_secret_before_the_last_change_signs_along_for_a_day() -> None:
    first = WebhookSecrets("whsec_a")
    second = first.renewed("whsec_b", NOW)
    assert first.in_force(NOW) == ("whsec_a",)
    assert second.in_force(NOW + OVERLAP - timedelta(seconds=1)) == ("whsec_b", "whsec_a")
    assert second.in_force(NOW + OVERLAP) == ("whsec_b",)
    assert second.renewed("whsec_c", NOW).in_force(NOW) == ("whsec_c", "whsec_b")
    assert "whsec" not in repr(second)

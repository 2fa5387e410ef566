"""When a credential rests, for how long, and what ends it."""

from datetime import datetime, timedelta

import pytest

from app.domain.cooling import STREAK, Cooldown, Kind, after_failure, after_success, kind_of
from app.domain.errors import (
    Fault,
    UnknownStatus,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
    UpstreamUnreadable,
)
from tests.domain.builders import NOW

SECOND = timedelta(seconds=1)
LOST = UpstreamMaybeSent("no answer in time")
UNREACHABLE = UpstreamNeverSent("connection refused")


def refused(fault: Fault, retry_after: int | None = None, message: str = "no") -> UpstreamRefused:
    return UpstreamRefused(message, fault=fault, retry_after=retry_after)


def without_token(refusal: UpstreamError) -> UpstreamNeverSent:
    error = UpstreamNeverSent("No access token")
    error.__cause__ = refusal
    return error


def rest(error: UpstreamError, *, polled: bool = False) -> Cooldown:
    """The rest that a first failure begins."""
    found = after_failure(None, error, NOW, polled=polled)
    assert found is not None
    return found


def failed_again(held: Cooldown, error: UpstreamError, *, polled: bool = False, at: datetime | None = None) -> Cooldown:
    """The rest after the job that tried when it was over has failed as well."""
    found = after_failure(held, error, at or held.until, polled=polled)
    assert found is not None
    return found


def lengths(error: UpstreamError, count: int) -> list[float]:
    """Seconds of one rest after the other, while every job that tries fails."""
    held = rest(error)
    found = [(held.until - NOW).total_seconds()]
    for _ in range(count - 1):
        before = held.until
        held = failed_again(held, error)
        found.append((held.until - before).total_seconds())
    return found


@pytest.mark.parametrize(
    ("error", "create", "poll"),
    [
        (refused(Fault.REQUEST), None, None),
        (refused(Fault.CONTENT), None, None),
        (refused(Fault.NOT_FOUND), None, None),
        (refused(Fault.MODEL), None, None),
        (UnknownStatus("x"), None, None),
        (UpstreamUnreadable("x"), None, None),
        (UpstreamError("x"), None, None),
        (refused(Fault.CREDENTIAL), Kind.PARKED, Kind.PARKED),
        (refused(Fault.BALANCE), Kind.PARKED, Kind.PARKED),
        (refused(Fault.RATE), Kind.LIMITED, None),
        (refused(Fault.RATE, 7), Kind.TOLD, None),
        (refused(Fault.OVERLOADED, 7), Kind.DOWN, None),
        (UNREACHABLE, Kind.DOWN, Kind.DOWN),
        (LOST, Kind.DOWN, None),
        (without_token(UNREACHABLE), Kind.DOWN, Kind.DOWN),
        (without_token(refused(Fault.CREDENTIAL)), Kind.PARKED, Kind.PARKED),
        (without_token(refused(Fault.REQUEST)), Kind.PARKED, Kind.PARKED),
        (without_token(refused(Fault.OVERLOADED)), Kind.DOWN, Kind.DOWN),
    ],
)
def test_only_faults_of_credential_account_or_host_count(error: UpstreamError, create: Kind | None, poll: Kind | None) -> None:
    assert kind_of(error) is create
    assert kind_of(error, polled=True) is poll


@pytest.mark.parametrize("fault", [Fault.REQUEST, Fault.CONTENT, Fault.NOT_FOUND, Fault.MODEL])
def test_a_clients_own_mistake_changes_nothing(fault: Fault) -> None:
    held = rest(UNREACHABLE)
    assert after_failure(None, refused(fault), NOW) is None
    assert after_failure(held, refused(fault), held.until) is held


def test_a_host_in_trouble_rests_five_seconds_and_twice_as_long_each_time_up_to_five_minutes() -> None:
    wanted = [5, 10, 20, 40, 80, 160, 300, 300]
    assert lengths(UNREACHABLE, 8) == wanted
    assert lengths(refused(Fault.OVERLOADED), 8) == wanted
    assert lengths(refused(Fault.RATE), 8) == wanted


def test_a_parked_credential_is_tried_after_ten_minutes_and_twice_as_long_each_time_up_to_two_hours() -> None:
    wanted = [600, 1200, 2400, 4800, 7200, 7200]
    assert lengths(refused(Fault.CREDENTIAL), 6) == wanted
    assert lengths(refused(Fault.BALANCE), 6) == wanted


@pytest.mark.parametrize(("told", "seconds"), [(0, 1), (1, 1), (45, 45), (600, 600), (86_400, 600)])
def test_a_rate_limit_rests_as_long_as_the_vendor_says_within_reason(told: int, seconds: int) -> None:
    assert lengths(refused(Fault.RATE, told), 3) == [seconds] * 3


def test_years_of_failures_overflow_nothing() -> None:
    held = failed_again(Cooldown(kind=Kind.DOWN, reason="", failures=10**6, since=NOW, until=NOW), UNREACHABLE)
    assert held.until == NOW + 300 * SECOND


def test_open_outcomes_count_from_the_third_in_a_row_on() -> None:
    assert [after_failure(None, LOST, NOW, streak=count) for count in range(STREAK)] == [None] * 3
    assert after_failure(None, LOST, NOW, streak=STREAK) == rest(LOST)


def test_one_open_outcome_of_the_job_that_tries_is_enough() -> None:
    held = rest(UNREACHABLE)
    again = after_failure(held, LOST, held.until, streak=1)
    assert again is not None
    assert again.until == held.until + 10 * SECOND


def test_twenty_jobs_that_fail_together_are_one_failure() -> None:
    held = rest(UNREACHABLE)
    assert after_failure(held, refused(Fault.OVERLOADED), NOW + SECOND) is held
    assert after_failure(held, refused(Fault.RATE), NOW + SECOND) is held
    parked = rest(refused(Fault.CREDENTIAL))
    assert after_failure(parked, refused(Fault.BALANCE), NOW + SECOND) is parked


def test_the_vendors_own_word_counts_at_once() -> None:
    held = rest(UNREACHABLE)
    later = after_failure(held, refused(Fault.RATE, 60), NOW + SECOND)
    assert later is not None
    assert (later.kind, later.failures, later.since, later.until) == (Kind.TOLD, 1, NOW, NOW + 61 * SECOND)
    assert after_failure(later, refused(Fault.RATE, 2), NOW + SECOND) is later
    parked = after_failure(later, refused(Fault.BALANCE), NOW + 2 * SECOND)
    assert parked is not None
    assert (parked.kind, parked.failures, parked.since) == (Kind.PARKED, 1, NOW + 2 * SECOND)
    assert after_failure(parked, refused(Fault.RATE, 60), NOW + 3 * SECOND) is parked


def test_the_rest_takes_the_kind_of_its_newest_failure() -> None:
    held = failed_again(rest(UNREACHABLE), refused(Fault.RATE))
    assert (held.kind, held.failures, held.since) == (Kind.LIMITED, 2, NOW)


@pytest.mark.parametrize("error", [UNREACHABLE, LOST, refused(Fault.RATE, 1), refused(Fault.OVERLOADED)])
def test_a_parked_credential_stays_parked_whatever_else_goes_wrong(error: UpstreamError) -> None:
    held = rest(refused(Fault.CREDENTIAL, message="unknown key"))
    again = failed_again(held, error)
    assert (again.kind, again.reason, again.until) == (Kind.PARKED, "unknown key", held.until + 1200 * SECOND)


def test_a_success_ends_a_rest_that_is_over() -> None:
    for error in (UNREACHABLE, refused(Fault.RATE), refused(Fault.RATE, 5), refused(Fault.CREDENTIAL), refused(Fault.BALANCE)):
        held = rest(error)
        assert after_success(held, held.until) is None
    assert after_success(None, NOW) is None


def test_a_success_during_a_rest_ends_it_unless_the_vendors_word_stands() -> None:
    assert after_success(rest(UNREACHABLE), NOW + SECOND) is None
    assert after_success(rest(refused(Fault.RATE)), NOW + SECOND) is None
    for error in (refused(Fault.RATE, 5), refused(Fault.CREDENTIAL), refused(Fault.BALANCE)):
        held = rest(error)
        assert after_success(held, NOW + SECOND) is held


@pytest.mark.parametrize(
    "error", [UNREACHABLE, LOST, refused(Fault.RATE), refused(Fault.RATE, 5), refused(Fault.CREDENTIAL), refused(Fault.BALANCE)]
)
def test_a_poll_that_works_never_ends_what_a_create_began(error: UpstreamError) -> None:
    held = rest(error)
    assert after_success(held, NOW + SECOND, polled=True) is held
    assert after_success(held, held.until + SECOND, polled=True) is held


@pytest.mark.parametrize("error", [UNREACHABLE, refused(Fault.CREDENTIAL), refused(Fault.BALANCE)])
def test_a_poll_that_works_ends_what_a_poll_began(error: UpstreamError) -> None:
    held = rest(error, polled=True)
    assert after_success(held, NOW + SECOND, polled=True) is None
    assert after_success(failed_again(held, error, polled=True), held.until, polled=True) is None


def test_what_a_create_confirmed_no_poll_can_end() -> None:
    held = failed_again(rest(refused(Fault.CREDENTIAL), polled=True), refused(Fault.CREDENTIAL))
    assert after_success(held, held.until, polled=True) is held


def test_a_poll_tries_a_parked_credential_for_nothing() -> None:
    held = rest(refused(Fault.CREDENTIAL))
    assert failed_again(held, refused(Fault.CREDENTIAL), polled=True).until == held.until + 1200 * SECOND


def test_what_the_vendor_turned_away_is_no_last_resort() -> None:
    assert rest(UNREACHABLE).last_resort(NOW)
    assert rest(refused(Fault.RATE)).last_resort(NOW)
    parked, told = rest(refused(Fault.BALANCE)), rest(refused(Fault.RATE, 5))
    assert not parked.last_resort(parked.until)
    assert not told.last_resort(NOW)
    assert told.last_resort(told.until)


def test_a_clock_that_is_set_back_by_days_leaves_nobody_resting() -> None:
    held = rest(UNREACHABLE)
    assert not held.due(NOW)
    assert not held.due(NOW - 60 * SECOND)
    assert held.due(NOW - timedelta(days=1))
    assert held.due(held.until)


def test_the_reason_is_one_short_line() -> None:
    held = rest(refused(Fault.BALANCE, message="no money\r\nERROR forged " + "x" * 1000))
    assert held.reason.startswith("no money ERROR forged xxx")
    assert len(held.reason) == 300
    assert held.summary == f"parked: {held.reason}"

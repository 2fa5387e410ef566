"""How often vendors are asked, played through for jobs of any length and whatever was learned before."""

import random
from heapq import heapify, heappop, heappush
from itertools import pairwise

import pytest

from app.domain.pacing import FASTEST, SLOWEST, Learning, clamp, poll_interval

NINETY = (85.0, 95.0)  # seconds that a job of about 90 takes


def asked(lasts: float, pace: float) -> list[float]:
    """The ages at which a job is asked about; at the last it is noticed that it has ended."""
    ages = [poll_interval(0.0, pace)]
    while ages[-1] < lasts:
        ages.append(ages[-1] + poll_interval(ages[-1], pace))
    return ages


def played(lengths: list[float], within: float, pace: float) -> tuple[int, float, list[float]]:
    """Jobs accepted evenly `within` so many seconds: the most polls of one of about 90 s, the longest lag, every pace learned."""
    learning, most, lag, paces = Learning(), 0, 0.0, [pace]
    jobs = [(number * within / len(lengths), length) for number, length in enumerate(lengths)]
    due = [(accepted + poll_interval(0.0, pace), 1, accepted, length) for accepted, length in jobs]
    heapify(due)
    while due:
        now, polls, accepted, length = heappop(due)
        if now < accepted + length:
            heappush(due, (now + poll_interval(now - accepted, paces[-1]), polls + 1, accepted, length))
            continue
        lag = max(lag, now - accepted - length)
        if NINETY[0] <= length <= NINETY[1]:
            most = max(most, polls)
        paces.append(learning.learn(paces[-1], accepted, now - accepted))
    return most, lag, paces


def test_a_job_that_takes_its_usual_time_costs_at_most_fifteen_polls() -> None:
    for pace in range(1, 111):
        for part in range(1, 101):
            assert len(asked(pace * part / 100, pace)) <= 15, (pace, part)


def test_an_end_is_noticed_within_a_twelfth_of_the_usual_time_an_eighth_at_first_and_ten_seconds() -> None:
    for pace in range(1, 301):
        for before, after in pairwise([0.0, *asked(2.0 * pace, pace)]):
            share = 8 if before <= 0.75 * pace else 12
            longest = clamp(pace / share, FASTEST, SLOWEST) if before <= pace else SLOWEST
            assert after - before <= longest + 1e-6 or before > 2 * pace, (pace, before)


def test_the_pauses_of_who_is_late_grow_to_twenty_seconds() -> None:
    for pace in range(1, 301):
        pauses = [poll_interval(age, pace) for age in asked(4.0 * pace, pace) if age > 0.75 * pace]
        assert pauses == sorted(pauses), pace
        assert pauses[-1] <= 2 * SLOWEST


@pytest.mark.parametrize(("age", "pause"), [(2, 1), (5, 1), (12, 2), (60, 10), (600, 20)])
def test_a_late_job_of_a_quick_model_is_not_left_alone_for_long(age: float, pause: float) -> None:
    assert poll_interval(age, 1.0) == pause


@pytest.mark.parametrize("pace", [78, 80, 90, 100, 120, 150, 300])
def test_a_job_of_about_ninety_seconds_costs_at_most_fifteen_polls(pace: int) -> None:
    assert max(len(asked(tenths / 10, pace)) for tenths in range(850, 951)) <= 15


@pytest.mark.parametrize(
    ("count", "within"), [(100, 1.0), (1_000, 5.0), (5_000, 20.0), (5_000, 60.0), (1_500, 1_000.0), (60, 3_000.0)]
)
def test_neither_do_those_who_end_early_make_it_cost_more(count: int, within: float) -> None:
    rng = random.Random(count)
    most, lag, paces = played([rng.uniform(30.0, 150.0) for _ in range(count)], within, 90.0)
    assert 0 < most <= 15
    assert lag <= SLOWEST + 0.001
    assert min(paces) >= 75.0
    assert max(paces) <= 125.0


def test_a_pace_that_was_wrong_is_soon_right() -> None:
    rng = random.Random(2)
    quick = played([rng.uniform(8.0, 12.0) for _ in range(400)], 800.0, 90.0)[2]
    slow = played([rng.uniform(80.0, 100.0) for _ in range(400)], 800.0, 12.0)[2]
    assert quick[-1] == pytest.approx(10.5, abs=1.5)
    assert slow[-1] == pytest.approx(93.0, abs=6.0)


def test_the_first_job_counts_at_once_and_the_rest_of_its_time_together() -> None:
    learning = Learning()
    assert learning.learn(90.0, 1000.0, 30.0) == pytest.approx(78.0)
    for accepted in range(1001, 1011):
        assert learning.learn(78.0, float(accepted), 50.0) == 78.0
    assert learning.learn(78.0, 1019.0, 190.0) == pytest.approx((10 * 50 + 190) / 11, abs=1.5)


def test_a_clock_that_was_set_back_does_not_end_the_learning() -> None:
    learning = Learning()
    learning.learn(90.0, 10_000.0, 60.0)
    assert learning.learn(84.0, 1_000.0, 60.0) == pytest.approx(79.2)

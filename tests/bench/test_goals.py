"""Whether a goal is called reached only where it is."""

import pytest

from bench.goals import GOALS, Bound, Goal, Verdict, table

GOAL = Goal("8", "memory", (Bound("idle", "<=", 80, "{:g} MB"), Bound("loaded", "<=", 80)), (Bound("idle", "<=", 60, "{:g} MB"),))


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({"idle": 60, "loaded": 80}, Verdict.AIM),
        ({"idle": 61, "loaded": 80}, Verdict.MUST),
        ({"idle": 60, "loaded": 81}, Verdict.MISSED),
        ({"idle": 60}, Verdict.UNKNOWN),
        ({"idle": 81}, Verdict.MISSED),
        ({}, Verdict.UNKNOWN),
    ],
)
def test_the_aim_is_only_reached_above_the_floor(figures: dict[str, float], verdict: Verdict) -> None:
    assert GOAL.verdict(figures) == verdict


def test_an_aim_that_was_not_measured_is_not_reached() -> None:
    goal = Goal("4", "added p50", (Bound("over one", "<=", 0.15),), (Bound("over another", "<=", 1),))

    assert goal.verdict({"over one": 0.1}) == Verdict.MUST


def test_more_is_better_where_the_bound_says_so() -> None:
    goal = Goal("1", "images", (Bound("ratio", ">=", 8),), (Bound("ratio", ">=", 20),))

    assert [goal.verdict({"ratio": value}) for value in (7.9, 8, 20)] == [Verdict.MISSED, Verdict.MUST, Verdict.AIM]


def test_a_goal_shows_each_figure_once_and_the_one_with_copies_in_brackets() -> None:
    assert GOAL.found({"idle": 61.234, "loaded": 70, "loaded, results not kept": 65}) == "61.2 MB / 65 (70)"


def test_what_is_measured_without_copies_counts() -> None:
    assert GOAL.verdict({"idle": 60, "loaded": 200, "loaded, results not kept": 60}) == Verdict.AIM


def test_a_table_of_nothing_says_of_every_goal_that_it_was_not_measured() -> None:
    lines = table({})

    assert [line[0] for line in lines] == [goal.number for goal in GOALS]
    assert {line[-1] for line in lines} == {"not measured"}


def test_no_goal_has_the_number_of_another() -> None:
    assert len({goal.number for goal in GOALS}) == len(GOALS)

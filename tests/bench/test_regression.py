"""What the check of costs says, without measuring."""

import tomllib

import pytest

from bench.regression import LIMITS, Ratio, judged


def test_a_ratio_at_its_limit_is_held_and_one_above_it_is_not() -> None:
    held, broken = judged({"image": 12.0, "video status": 4.6}, {"image": 12.0, "video status": 4.5})

    assert (held.held, broken.held) == (True, False)
    assert str(broken) == "video status: 4.60 times a bare pass-through, limit 4.5: TOO MUCH"


@pytest.mark.parametrize("limits", [{}, {"image": 12.0, "imgae": 12.0}])
def test_a_limit_that_is_missing_or_for_nothing_is_a_mistake(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="limits are for"):
        judged({"image": 1.0}, limits)


def test_the_limits_that_are_there_are_those_that_are_measured() -> None:
    limits = tomllib.loads(LIMITS.read_text(encoding="utf-8"))

    assert set(limits) == {"image", "video create", "video to its end", "video status"}
    assert all(Ratio(name, 1.0, limit).held for name, limit in limits.items())

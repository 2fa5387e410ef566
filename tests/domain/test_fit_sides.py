"""Limits for one side of a picture, beside those for its area and shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.capabilities import Capabilities
from app.domain.fit import fit
from app.domain.requests import ImageRequest, Mode

SIDED = Capabilities(
    op="image",
    max_ratio=3,
    min_side=512,
    max_side=2016,
    pixel_multiple=16,
    pixels={"1K": {"16:9": (1664, 928), "1:1": (1328, 1328)}},
)


def sized(width: int, height: int) -> tuple[tuple[int | None, int | None], list[str]]:
    request = ImageRequest(model="m", mode=Mode.T2I, prompt="a kite", width=width, height=height)
    fitted = fit(request, SIDED)
    return (fitted.request.width, fitted.request.height), [notice.code for notice in fitted.notices]


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ((3840, 2160), (1664, 928)),  # the model's own size of that shape
        ((3000, 1500), (2016, 1008)),
        ((1500, 3000), (1008, 2016)),
        ((256, 512), (512, 1024)),
        ((4096, 64), (1536, 512)),
    ],
)
def test_a_side_out_of_range_takes_the_other_with_it(asked: tuple[int, int], made: tuple[int, int]) -> None:
    assert sized(*asked) == (made, ["adjusted:size"])


@pytest.mark.parametrize("size", [(512, 512), (2016, 2016), (512, 1536)])
def test_the_limits_themselves_are_within(size: tuple[int, int]) -> None:
    assert sized(*size) == (size, [])


@given(st.integers(64, 16_384), st.integers(64, 16_384))
def test_every_size_ends_within_the_limits(width: int, height: int) -> None:
    made = fit(ImageRequest(model="m", mode=Mode.T2I, prompt="a kite", width=width, height=height), SIDED).request
    assert made.width is not None
    assert made.height is not None
    assert min(made.width, made.height) >= 512
    assert max(made.width, made.height) <= 2016
    assert made.width % 16 == made.height % 16 == 0

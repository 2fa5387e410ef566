"""How many results a request may bring, and so be billed for."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.capabilities import Price
from app.domain.media import Role
from app.domain.money import quote
from app.domain.most_results import most_results
from app.domain.prices import Terms
from tests.domain.builders import image, picture, video

INPUTS = tuple(picture(Role.IMAGE, src=f"https://img.example.com/{number}.png") for number in range(5))


def auto(**options: Any) -> dict[str, Any]:
    """Ark's fields of a group."""
    return {"sequential_image_generation": "auto", "sequential_image_generation_options": options}


@pytest.mark.parametrize(
    ("vendor", "most"),
    [
        ({}, 1),
        ({"sequential_image_generation": "auto"}, 15),
        (auto(max_images=4), 4),
        (auto(max_images=99), 15),
        ({**auto(max_images=4), "sequential_image_generation": "disabled"}, 1),
        ({"sequential_image_generation_options": {"max_images": 4}}, 1),
        ({"layer_decomposition": True}, 17),
        ({"layer_decomposition": False}, 1),
        ({"force_single": False}, 15),
        ({"force_single": True}, 1),
        ({"result_type": "series", "series_amount": 3}, 3),
        ({"result_type": "series"}, 9),
        ({"result_type": "single", "series_amount": 3}, 1),
    ],
)
def test_an_option_may_make_several_pictures_of_one(vendor: dict[str, Any], most: int) -> None:
    assert most_results(image(vendor=vendor)) == most
    assert most_results(image(vendor=vendor, n=2)) == 2 * most


@pytest.mark.parametrize("written", ["4", 4.0, 0, -3, True, None, [4], {"a": 4}])
def test_a_count_that_is_none_is_read_at_its_dearest(written: Any) -> None:
    assert most_results(image(vendor=auto(max_images=written))) == 15
    assert most_results(image(vendor={**auto(), "sequential_image_generation_options": written})) == 15


@pytest.mark.parametrize("word", ["AUTO", True, {"mode": "auto"}])
def test_a_switch_in_another_form_may_be_on(word: Any) -> None:
    assert most_results(image(vendor={"sequential_image_generation": word})) == 15


def test_pictures_that_a_group_is_made_after_count_among_its_fifteen() -> None:
    assert most_results(image(media=INPUTS, vendor=auto())) == 10
    assert most_results(image(media=INPUTS * 3, vendor=auto())) == 1
    assert most_results(image(media=INPUTS, vendor=auto(max_images=3))) == 3


def test_a_film_has_no_such_option() -> None:
    assert most_results(video(n=2, vendor=auto())) == 2


@pytest.mark.parametrize(("unit", "usd"), [("image", "0.160000"), ("job", "0.160000"), ("mtoken", "0.002622")])
def test_a_group_is_quoted_at_its_largest(unit: str, usd: str) -> None:
    price = Price(unit=unit, usd={"*": Decimal("0.04")})
    assert quote(image(vendor=auto(max_images=4)), Terms(price=price)).usd == usd

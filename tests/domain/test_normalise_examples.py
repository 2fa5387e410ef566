"""Every line of the example file, as it stands and as an SDK would write it into multipart parts."""

from typing import Any

import pytest

from app.domain.errors import InvalidRequest
from app.domain.normalise import normalise
from app.domain.normalise.forms import nested
from tests.domain.examples import EXAMPLES, body_of, flattened, name_of, seen

# a part cannot say that it is a boolean, and numbers in `vendor` stay the text that they arrived as
_ONLY_JSON = {"dur-bool", "seed3-kling-extras", "seed2-vidu"}
_JSON = [example for example in EXAMPLES if example.get("content_type") != "multipart"]
_TEXTUAL = [example for example in _JSON if example["id"] not in _ONLY_JSON]


def _accepted(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [example for example in examples if "error" not in example["expect"]]


def _refused(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [example for example in examples if "error" in example["expect"]]


def test_the_example_file_is_whole() -> None:
    assert len(EXAMPLES) == 96
    assert len(_refused(EXAMPLES)) == 10


@pytest.mark.parametrize("example", _accepted(EXAMPLES), ids=name_of)
def test_an_accepted_example_gives_the_expected_object(example: dict[str, Any]) -> None:
    found = seen(example["route"], body_of(example))

    assert {key: found.get(key) for key in example["expect"]} == example["expect"]


@pytest.mark.parametrize("example", _refused(EXAMPLES), ids=name_of)
def test_a_refused_example_names_code_and_field(example: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        normalise(example["route"], body_of(example))

    assert {"status": 400, "code": caught.value.code, "param": caught.value.param} == example["expect"]["error"]


@pytest.mark.parametrize("example", _accepted(_TEXTUAL), ids=name_of)
def test_an_accepted_example_means_the_same_as_multipart(example: dict[str, Any]) -> None:
    assert seen(example["route"], nested(flattened(example["input"]))) == seen(example["route"], example["input"])


@pytest.mark.parametrize("example", _refused(_TEXTUAL), ids=name_of)
def test_a_refused_example_is_refused_the_same_as_multipart(example: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        normalise(example["route"], nested(flattened(example["input"])))

    assert caught.value.code == example["expect"]["error"]["code"]
    assert caught.value.param == example["expect"]["error"]["param"]

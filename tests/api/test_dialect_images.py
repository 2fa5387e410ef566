"""OpenAI's image answer, key by key (openai.md §2.5 and §2.6)."""

from typing import Any

import pytest

from app.api.dialects.images import Picture, completed_event, image_object, preview_event, usage_object, wants_bytes
from app.domain.jobs import Failure, Job, Output, Usage
from app.domain.requests import Notice
from tests.api.samples import EPOCH, NOW, TERMS, completed, image_request, video_request

INLINE = Output(data=b"x", mime="image/webp", asset="a.webp", width=64, height=32, revised_prompt="a better boat")
LINKED = Output(url="https://vendor.example.com/a.png")


def painted(*outputs: Output, **values: Any) -> Job:
    """A completed image job."""
    return completed(**{"asked": image_request(), "id": "image_1", "outputs": outputs or (INLINE,), **values})


def test_an_answer_of_which_all_is_known() -> None:
    asked = image_request(quality="high", background="opaque")
    money = {"terms": TERMS, "reserved": 90_000, "cost": 80_000}
    notices = (Notice("x", "y", 1, 2),)
    job = painted(INLINE, LINKED, asked=asked, usage=Usage(input_tokens=1, output_tokens=2), notices=notices, **money)
    assert image_object(job, [Picture(b64_json="eA=="), Picture(url="https://gate.example.com/files/1")]) == {
        "created": EPOCH + 71,
        "data": [{"b64_json": "eA==", "revised_prompt": "a better boat"}, {"url": "https://gate.example.com/files/1"}],
        "id": "image_1",
        "task_id": "image_1",
        "warnings": [{"code": "x", "field": "y", "from": 1, "to": 2}],
        "size": "64x32",
        "quality": "high",
        "output_format": "webp",
        "background": "opaque",
        "cost_usd": "0.080000",
        "reserved_usd": "0.000000",
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    }


def test_what_is_not_known_is_left_out() -> None:
    answer = image_object(painted(LINKED, terms=TERMS), [Picture(url="u")])
    assert set(answer) == {"created", "data", "id", "task_id", "warnings", "cost_usd", "reserved_usd"}


def test_pictures_without_a_price_say_so() -> None:
    assert image_object(painted(LINKED, cost=0), [Picture(url="u")])["unpriced"] is True


def test_withheld_pictures_are_errors_and_no_data() -> None:
    answer = image_object(painted(partial_failures=(Failure("content_policy_violation", "No."),)), [Picture(b64_json="eA==")])
    assert len(answer["data"]) == 1  # type: ignore[arg-type]
    assert answer["errors"] == [{"code": "content_policy_violation", "message": "No.", "type": "invalid_request_error"}]


@pytest.mark.parametrize(
    ("asked", "output", "inline"),
    [
        (None, INLINE, True),
        (None, Output(asset="a.png"), True),
        (None, Output(url="data:image/png;base64,eA=="), True),
        (None, LINKED, False),
        (None, Output(url="https://vendor.example.com/a.png", asset="a.png"), False),
        ("url", INLINE, False),
        ("b64_json", LINKED, True),
    ],
)
def test_the_form_is_as_asked_else_as_it_came(asked: str | None, output: Output, inline: bool) -> None:
    assert wants_bytes(painted(output, asked=image_request(response_format=asked)), output) is inline


def test_a_job_that_is_no_image_has_no_form_to_ask_for() -> None:
    assert wants_bytes(completed(video_request()), LINKED) is False


def test_the_last_event_carries_the_figures_of_the_job() -> None:
    job = painted(INLINE, INLINE, usage=Usage(total_tokens=9), terms=TERMS, cost=80_000)
    first, last = (completed_event("image_edit", job, index, "eA==") for index in range(2))
    assert first == {
        "type": "image_edit.completed",
        "b64_json": "eA==",
        "created_at": EPOCH + 71,
        "size": "64x32",
        "quality": "auto",
        "background": "auto",
        "output_format": "webp",
    }
    assert last == {
        **first,
        "id": "image_1",
        "task_id": "image_1",
        "warnings": [],
        "cost_usd": "0.080000",
        "reserved_usd": "0.000000",
        "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 9},
    }


def test_a_preview_says_which_one_it_is() -> None:
    assert preview_event("image_generation", 1, b"x", NOW) == {
        "type": "image_generation.partial_image",
        "b64_json": "eA==",
        "partial_image_index": 1,
        "created_at": EPOCH,
        "size": "auto",
        "quality": "auto",
        "background": "auto",
        "output_format": "png",
    }


@pytest.mark.parametrize(
    ("usage", "shown"), [(None, {}), (Usage(), {}), (Usage(images=2), {"images": 2}), (Usage(seconds=1.0), {})]
)
def test_usage_is_empty_where_nothing_is_known(usage: Usage | None, shown: dict[str, int]) -> None:
    assert usage_object(usage) == shown

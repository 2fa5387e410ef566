"""Ark's bodies and objects, as pure functions; the rest is in `tests/integration/test_ark_sdk_against_the_gateway.py`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.api.dialects.images import Picture
from app.api.dialects.native_ark import image_body, image_events, images_object, task_object, video_body
from app.api.dialects.native_fields import read_native
from app.domain.errors import InvalidRequest
from app.domain.jobs import Failure, Output, Usage
from app.domain.media import Role
from app.domain.requests import ImageRequest, Notice, VideoRequest
from tests.api.samples import EPOCH, completed, failed, fully_known, image_request, link, queued, video_request

AUTO: dict[str, Any] = {"model": "m", "prompt": "p", "sequential_image_generation": "auto"}
GROUP: dict[str, Any] = {**AUTO, "sequential_image_generation_options": {"max_images": 4}}
DROPPED = Notice("dropped:vendor.sequential_image_generation", "vendor.sequential_image_generation", "auto", None)
OPTIONS = "vendor.sequential_image_generation_options"


def test_an_unset_field_of_the_sdk_says_nothing() -> None:
    body = {"model": "m", "content": [{"type": "text", "text": "p"}], "seed": None, "duration": -1, "ratio": "adaptive"}
    request, notices = read_native(video_body(body))
    assert isinstance(request, VideoRequest)
    assert (request.prompt, request.seed, request.duration_auto, request.aspect_ratio) == ("p", None, True, "auto")
    assert notices == ()


def test_media_keep_their_roles_and_places() -> None:
    content: list[Any] = [
        {"type": "text", "text": "p"},
        {"type": "image_url", "image_url": {"url": "https://x.example.com/a.png"}, "role": "reference_image"},
        {"type": "video_url", "video_url": {"url": "https://x.example.com/a.mp4"}, "role": "reference_video"},
    ]
    request, _ = read_native(video_body({"model": "m", "content": content, "service_tier": "flex"}))
    assert [item.role for item in request.media] == [Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO]
    assert request.media[0].param.startswith("content[1]")
    assert request.vendor == {"service_tier": "flex"}


@pytest.mark.parametrize("content", [None, [], [{"type": "text", "text": ""}]])
def test_missing_words_are_missing_in_content(content: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_native(video_body({"model": "m", "content": content}))  # type: ignore[dict-item]  # anything may come
    assert (refused.value.code, refused.value.param) == ("missing_required_parameter", "content")


def test_a_group_is_left_to_a_model_that_makes_groups_and_counted_for_others() -> None:
    own, unchanged = read_native(image_body(GROUP, groups=True))
    others, _ = read_native(image_body(GROUP, groups=False))
    open_, _ = read_native(image_body(AUTO, groups=False))
    named, _ = read_native(image_body({**GROUP, "n": 2}, groups=False))
    single, nothing = read_native(image_body({**GROUP, "sequential_image_generation": "disabled"}, groups=True))
    assert (own.n, own.vendor) == (1, {name: GROUP[name] for name in own.vendor})
    assert [(one.n, one.vendor) for one in (others, open_, named, single)] == [(4, {}), (1, {}), (2, {}), (1, {})]
    assert (len(own.vendor), unchanged, nothing) == (2, (), ())
    assert isinstance(own, ImageRequest)
    assert own.response_format == "url"


@pytest.mark.parametrize(
    ("fields", "most", "groups", "notices"),
    [
        ({}, 4, False, [DROPPED]),
        ({}, None, False, [DROPPED]),
        ({}, 11, False, [DROPPED, Notice("adjusted:n", "n", 11, 10)]),
        ({}, 15, True, []),
        ({}, 16, True, [Notice(f"adjusted:{OPTIONS}", OPTIONS, 16, 15)]),
        ({"image": "https://x.example.com/a.png"}, 15, True, [Notice(f"adjusted:{OPTIONS}", OPTIONS, 15, 14)]),
        ({"image": ["https://x.example.com/a.png", "https://x.example.com/b.png"]}, 13, True, []),
    ],
)
def test_what_becomes_of_a_group_is_reported(fields: dict[str, Any], most: int | None, groups: bool, notices: list[Notice]) -> None:
    body = {**AUTO, **fields, "sequential_image_generation_options": {"max_images": most}}
    _, found = read_native(image_body(body, groups=groups))
    assert list(found) == notices


@pytest.mark.parametrize("groups", [True, False])
@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"max_images": "many"}, "sequential_image_generation_options.max_images"),
        ({"max_images": 0}, "sequential_image_generation_options.max_images"),
        ({"max_images": [4]}, "sequential_image_generation_options.max_images"),
        ("4", "sequential_image_generation_options"),
    ],
)
def test_a_bad_count_is_refused_by_its_own_name(options: Any, param: str, groups: bool) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_native(image_body({**AUTO, "sequential_image_generation_options": options}, groups=groups))
    assert refused.value.param == param


def test_a_task_tells_what_is_known() -> None:
    job = fully_known()
    assert task_object(job, link) == {
        "id": "task_1",
        "model": "film-1",
        "status": "succeeded",
        "error": None,
        "created_at": EPOCH,
        "updated_at": EPOCH + 71,
        "service_tier": "default",
        "execution_expires_after": 3600,
        "content": {"video_url": link(0)},
        "usage": {"completion_tokens": 108_900, "total_tokens": 108_903},
        "seed": 7,
        "resolution": "480p",
        "ratio": "9:16",
        "duration": 5,
        "framespersecond": 24,
    }
    assert task_object(replace(job, resolution="2160p"), link)["resolution"] == "4k"
    assert task_object(replace(job, request=replace(job.request, vendor={"service_tier": "flex"})), link)["service_tier"] == "flex"


@pytest.mark.parametrize(
    ("code", "word"),
    [("cancelled", "cancelled"), ("expired", "expired"), ("deadline_exceeded", "expired"), ("generation_failed", "failed")],
)
def test_an_end_without_a_result_has_the_vendors_word(code: str, word: str) -> None:
    task = task_object(failed(failure=Failure(code, "So.")), link)
    assert (task["status"], task["error"]) == (word, {"code": code, "message": "So."})
    assert "content" not in task


def test_a_user_is_shown_to_whoever_named_it() -> None:
    task = task_object(queued(video_request(user="hash-1"), deadline_at=queued().created_at + timedelta(days=1)), link)
    assert (task["status"], task["safety_identifier"], task["execution_expires_after"]) == ("queued", "hash-1", 86_400)


def test_withheld_pictures_stand_among_the_others_and_come_as_events() -> None:
    job = completed(
        image_request(),
        outputs=(Output(url="https://v.example.com/a.png", width=8, height=9),),
        partial_failures=(Failure("content_policy_violation", "No."),),
        usage=Usage(output_tokens=4),
    )
    shown = images_object(job, [Picture(url="https://g.example.com/1")])
    events = list(image_events(job, [Picture(url="https://g.example.com/1")]))
    error = {"code": "content_policy_violation", "message": "No."}
    assert shown["data"] == [{"url": "https://g.example.com/1", "size": "8x9"}, {"error": error}]
    assert shown["usage"] == {"generated_images": 1, "output_tokens": 4, "total_tokens": 4}
    assert [str(event["type"]).partition(".")[2] for event in events] == ["partial_succeeded", "partial_failed", "completed"]
    assert (events[1]["image_index"], events[1]["error"]) == (1, error)

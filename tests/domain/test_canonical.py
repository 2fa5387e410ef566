import hashlib
import json
from typing import Any

import pytest

from app.domain.canonical import as_body, from_json, to_json, to_stored, without_bytes
from app.domain.media import MediaType, Role
from app.domain.normalise import normalise
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest
from tests.domain.examples import accepted

_VIDEO: dict[str, Any] = {
    "model": "m",
    "prompt": "p",
    "image": "data:image/png;base64,iVBORw0KGgo=",
    "seconds": "4",
    "metadata": {"bgm": False},
}


@pytest.mark.parametrize(("name", "route", "request_"), accepted(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_stored_request_comes_back_whole(name: str, route: str, request_: Request) -> None:
    stored = json.loads(json.dumps(to_json(request_, names=True)))

    back = from_json(stored)

    assert back == request_
    assert back.named == request_.named
    assert [item.param for item in back.media] == [item.param for item in request_.media]


@pytest.mark.parametrize(("name", "route", "request_"), accepted(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_row_says_only_what_was_said(name: str, route: str, request_: Request) -> None:
    whole, stored = to_json(request_, inline=False, names=True), to_stored(request_)

    assert stored == {field: value for field, value in whole.items() if value not in (None, [], {})}
    assert from_json(stored) == from_json(whole)
    assert from_json(stored).named == request_.named


def test_the_shown_object_has_the_canonical_keys_only() -> None:
    shown = to_json(normalise("/v1/videos", _VIDEO)[0])

    assert set(shown) == {
        *("op", "model", "model_variant", "mode", "prompt", "negative_prompt", "duration", "duration_auto", "frames", "fps"),
        *("width", "height", "resolution", "aspect_ratio", "media", "n", "seed", "quality", "generate_audio", "watermark"),
        *("camera_fixed", "callback_url", "client_task_id", "user", "vendor"),
    }
    assert shown["media"] == [{"type": "image", "role": "first_frame", "src": "data:image/png;base64,iVBORw0KGgo="}]
    assert shown["duration"] == 4
    assert shown["vendor"] == {"bgm": False}


def test_an_image_object_has_the_image_keys() -> None:
    body: dict[str, Any] = {
        "model": "m",
        "prompt": "p",
        "response_format": "url",
        "stream": "true",
        "partial_images": 2,
        "background": "opaque",
    }
    shown = to_json(normalise("/v1/images/generations", body)[0])

    assert shown["op"] == "image"
    assert (shown["response_format"], shown["stream"], shown["partial_images"], shown["background"]) == ("url", True, 2, "opaque")
    assert "duration" not in shown


def test_names_go_along_when_asked_for() -> None:
    shown = to_json(normalise("/v1/videos", _VIDEO)[0], names=True)

    assert shown["named"] == {"model": "model", "prompt": "prompt", "duration": "seconds"}
    assert shown["media"] == [
        {"type": "image", "role": "first_frame", "src": "data:image/png;base64,iVBORw0KGgo=", "param": "image"}
    ]


def test_bytes_can_be_left_out() -> None:
    shown = to_json(normalise("/v1/videos", _VIDEO)[0], inline=False)

    digest = hashlib.sha256(b"iVBORw0KGgo=").hexdigest()
    assert shown["media"] == [{"type": "image", "role": "first_frame", "src": f"data:image/png;sha256,{digest}"}]
    assert without_bytes("https://img.example.com/a.png") == "https://img.example.com/a.png"
    assert without_bytes(without_bytes("data:image/png;base64,iVBORw0KGgo=")) == f"data:image/png;sha256,{digest}"


def test_the_smallest_objects_are_enough() -> None:
    assert from_json({"model": "m"}) == VideoRequest(model="m", mode=Mode.T2V)
    assert from_json({"op": "image", "model": "m"}) == ImageRequest(model="m", mode=Mode.T2I)
    assert from_json({"op": "image", "model": "m", "response_format": "b64_json"}).mode is Mode.T2I


def test_ids_and_uploads_are_written_as_a_client_would() -> None:
    media = [
        {"type": "image", "role": "reference_image", "src": "file:f-1"},
        {"type": "video", "role": "source_video", "src": "task:t-1"},
        {"type": "audio", "role": "reference_audio", "src": "https://aud.example.com/a.mp3"},
    ]
    request = from_json({"model": "m", "mode": "edit", "media": media, "model_variant": "v", "duration_auto": True})

    body = as_body(request)

    assert body["content"] == [
        {"type": "image_url", "image_url": {"file_id": "f-1"}, "role": "reference_image"},
        {"type": "video_url", "video_url": {"id": "t-1"}, "role": "source_video"},
        {"type": "audio_url", "audio_url": {"url": "https://aud.example.com/a.mp3"}, "role": "reference_audio"},
    ]
    assert (body["model_name"], body["duration"]) == ("v", "auto")
    assert normalise("/v1/videos", body)[0] == request
    assert [(item.type, item.role) for item in request.media][1] == (MediaType.VIDEO, Role.SOURCE_VIDEO)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"model": ""},
        {"model": 5},
        {"model": "m", "mode": "dance"},
        {"model": "m", "prompt": 5},
        {"model": "m", "duration": "5"},
        {"model": "m", "duration": True},
        {"model": "m", "width": 5.5},
        {"model": "m", "n": True},
        {"model": "m", "watermark": 1},
        {"model": "m", "vendor": [1]},
        {"model": "m", "media": "none"},
        {"model": "m", "media": {"a": 1}},
        {"model": "m", "media": [1]},
        {"model": "m", "media": [{"type": "image", "role": "first_frame"}]},
        {"model": "m", "media": [{"type": "smell", "role": "first_frame", "src": "x"}]},
        {"op": "image", "model": "m", "response_format": "tiff"},
    ],
)
def test_what_is_no_canonical_object_is_a_value_error(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a (canonical|valid)|is not a valid"):
        from_json(value)

"""What is refused, with which code, and that the error names the client's own field."""

from typing import Any

import pytest

from app.domain.errors import InvalidRequest
from app.domain.normalise import UploadRef, normalise
from app.domain.normalise.forms import nested

A, B = "https://img.example.com/a.png", "https://img.example.com/b.png"
V = "https://vid.example.com/v.mp4"
DEEP: Any = 1
for _ in range(40):
    DEEP = [DEEP]


def refusal(body: dict[str, Any], route: str = "/v1/videos") -> tuple[str, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        normalise(route, body)
    return caught.value.code, caught.value.param


VALUES = [
    *(("seconds", value) for value in ("five", "5 minutes", 0, "0", -2, "-2", 3601, "1e3", "9" * 40, "5" * 100)),
    *(("duration", value) for value in (0.0, -1.5)),
    *(("size", value) for value in ("huge", "16x9", "1x1", "99999x1", "x" * 100)),
    *(("resolution", value) for value in ("big", "240p", 240, "16:9")),
    *(("aspect_ratio", value) for value in ("wide", "0:1", "1.78:1")),
    *((name, value) for name in ("width", "height") for value in (0, 63, 16_385, "wide", 720.5)),
    *(("fps", value) for value in (0, 121, "fast", 29.97)),
    *(("frames", value) for value in (0, -1, 86_401 * 5, 100_000)),
    *(("n", value) for value in (0, 11, "many", 1.5)),
    *(("seed", value) for value in (-2, "lucky", 0.5)),
    *((name, value) for name in ("watermark", "sound", "camera_fixed") for value in ("maybe", "x" * 100)),
    *(
        ("callback_url", value)
        for value in ("ftp://cb.example.com", "cb.example.com", "https://", "https://a b", "https://[x", "http:/x")
    ),
    ("callback_url", "https://cb.example.com:99999/"),
    ("callback_url", "https://cb.example.com:0/"),
    ("callback_url", "https://cb.example.com/" + "x" * 8192),
    ("external_task_id", "x" * 129),
    ("model", "m" * 257),
    ("prompt", "x" * 32_001),
    ("negative_prompt", "x" * 32_001),
    ("quality", "x" * 65),
    ("metadata", "{broken"),
    ("metadata", "[" * 100_000),
    ("metadata", '{"a": ' + "9" * 5000 + "}"),
    ("metadata", '{"a": NaN}'),
    ("image", "file:///srv/pic.png"),
    ("image", "file:abc"),
    ("image", "task:abc"),
    ("image", "upload:image#0:a.png"),
    ("image", "javascript:alert(1)"),
    ("image", "//img.example.com/a.png"),
    ("image", "my://x"),
    ("image", "://x"),
    ("image", "https:/img.example.com/a.png"),
    ("image", "https://"),
    ("image", "https://img.example.com/a b.png"),
    ("image", "https://img.example.com/a\x01.png"),
    ("image", "https://img.example.com/" + "x" * 8192),
    ("image", "asset:"),
    ("image", "asset://"),
    ("image", "asset://" + "x" * 8192),
    ("image", "data:image/png,abc"),
    ("image", "data:image/png;base64,"),
    ("image", "data:image/png;base64,!!!!"),
    ("image", "data:image/png;base64,iVBORw0KGgo====="),
    ("image", "data:video/mp4;base64,AAAA"),
    ("image", "data:;base64,AAAA"),
    ("image", "AAAAAAAA"),
    ("image", "iVBORw0KG"),
    ("image", "iVBOéw0KGgo="),
    ("image", "{broken"),
    ("image", {"href": A}),
    ("image", {"id": "x"}),
    ("image", {"file_id": "a b"}),
    ("image", {"file_id": "x" * 513}),
    ("video", "iVBORw0KGgo="),
    ("video_id", "a b"),
    ("audio_url", "iVBORw0KGgo="),
]
TYPES = [
    *((name, value) for name in ("seconds", "duration") for value in (True, [5], {"a": 5})),
    *((name, value) for name in ("n", "seed", "fps", "frames", "width", "height") for value in (True, [1], {"a": 1})),
    *(
        (name, value)
        for name in ("model", "model_name", "prompt", "negative_prompt", "size", "aspect_ratio", "quality", "mode")
        for value in (5, True, ["x"], {"a": "x"})
    ),
    *((name, value) for name in ("user", "external_task_id", "callback_url", "function_mode") for value in (5, ["x"])),
    *(("resolution", value) for value in (True, 720.0, ["720p"])),
    *(("watermark", value) for value in (2, 0.5, [True], {"a": 1})),
    *(("image", value) for value in (5, True)),
    *(("video_id", value) for value in (True, 5.5)),
    *(("metadata", value) for value in (5, True, [1], "[1]", "5")),
    *(("content", value) for value in (5, "text", True)),
    ("audio", 5),
    ("image_url", {"url": 5}),
    ("image", {"file_id": ["x"]}),
]


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_a_bad_value_is_refused_by_the_clients_name(name: str, value: Any) -> None:
    assert refusal({"model": "m", "prompt": "p", name: value}) == ("invalid_value", name)


@pytest.mark.parametrize(("name", "value"), TYPES)
def test_a_wrong_type_is_refused_by_the_clients_name(name: str, value: Any) -> None:
    assert refusal({"model": "m", "prompt": "p", name: value}) == ("invalid_type", name)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"images": [A, "file:///etc/x"]}, "invalid_value", "images[1]"),
        ({"images": [A, [B]]}, "invalid_type", "images[1]"),
        ({"images": [{"url": A, "role": 5}]}, "invalid_type", "images[0].role"),
        ({"image": {"image_url": A, "file_id": "f"}}, "conflicting_parameters", "image"),
        ({"content": ["x"]}, "invalid_type", "content[0]"),
        ({"content": [{"type": "hologram"}]}, "invalid_value", "content[0].type"),
        ({"content": [{"type": 5}]}, "invalid_type", "content[0].type"),
        ({"content": [{"role": "first_frame"}]}, "invalid_value", "content[0]"),
        ({"content": [{"type": "text", "text": 5}]}, "invalid_type", "content[0].text"),
        ({"content": [{"type": "image_url"}]}, "invalid_value", "content[0]"),
        ({"content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}, "invalid_value", "content[0].image_url"),
        ({"content": [{"image_url": {"href": "x"}}]}, "invalid_value", "content[0].image_url"),
        ({"prompt": "", "content": [{"text": "x" * 32_001}]}, "invalid_value", "content"),
        ({"watermark_info": {"enabled": "maybe"}}, "invalid_value", "watermark_info.enabled"),
        ({"images": [f"asset://{index}" for index in range(65)]}, "invalid_value", "images[64]"),
        ({"mode": "t2v", "video": V}, "conflicting_parameters", "mode"),
        ({"function_mode": "t2v", "first_frame": A}, "conflicting_parameters", "function_mode"),
        ({"metadata": {"mode": "t2v"}, "image": A}, "conflicting_parameters", "metadata.mode"),
        ({"mode": "i2v", "video": V}, "missing_required_parameter", "image"),
        ({"mode": "flf2v"}, "missing_required_parameter", "image_url"),
        ({"mode": "flf2v", "last_frame": A}, "missing_required_parameter", "image_url"),
        ({"mode": "flf2v", "image": A}, "missing_required_parameter", "end_image_url"),
        ({"mode": "r2v"}, "missing_required_parameter", "reference_images"),
        ({"mode": "r2v", "first_frame": A}, "missing_required_parameter", "reference_images"),
        ({"mode": "edit", "image": A}, "missing_required_parameter", "video"),
        ({"mode": "t2v", "prompt": " "}, "missing_required_parameter", "prompt"),
        ({"num_frames": 120_000}, "invalid_value", "num_frames"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(fields: dict[str, Any], code: str, param: str) -> None:
    assert refusal({"model": "m", "prompt": "p", **fields}) == (code, param)


@pytest.mark.parametrize("route", ["/v1/videos/edits", "/v1/videos/extensions"])
def test_an_edit_route_needs_a_video(route: str) -> None:
    assert refusal({"model": "m", "prompt": "p"}, route) == ("missing_required_parameter", "video")


@pytest.mark.parametrize(
    ("route", "fields", "code", "param"),
    [
        ("/v1/images/generations", {"prompt": ""}, "missing_required_parameter", "prompt"),
        ("/v1/images/generations", {"mode": "i2i"}, "missing_required_parameter", "image"),
        ("/v1/images/generations", {"stream": "maybe"}, "invalid_value", "stream"),
        ("/v1/images/generations", {"partial_images": 4}, "invalid_value", "partial_images"),
        ("/v1/images/generations", {"output_compression": 101}, "invalid_value", "output_compression"),
        ("/v1/images/generations", {"style": 5}, "invalid_type", "style"),
        ("/v1/images/generations", {"background": ["x"]}, "invalid_type", "background"),
        ("/v1/images/edits", {"mask": {"file_id": "f"}}, "missing_required_parameter", "image"),
    ],
)
def test_an_image_request_is_refused_by_the_clients_name(route: str, fields: dict[str, Any], code: str, param: str) -> None:
    assert refusal({"model": "m", "prompt": "p", **fields}, route) == (code, param)


@pytest.mark.parametrize("body", [{}, {"prompt": "p"}, {"model": " ", "prompt": "p"}, {"prompt": "p", "metadata": {"model": "m"}}])
@pytest.mark.parametrize("route", ["/v1/videos", "/v1/videos/{id}/remix", "/v1/images/generations", "/jimeng/"])
def test_a_model_is_always_needed(route: str, body: dict[str, Any]) -> None:
    assert refusal(body, route) == ("missing_required_parameter", "model")


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    assert refusal(body) == ("invalid_type", "body")


@pytest.mark.parametrize("bad", ["a\0b", "a\ud800b", float("nan"), float("inf"), 2**63, -(2**63) - 1, DEEP, object()])
@pytest.mark.parametrize(
    ("wrap", "param"),
    [
        (lambda bad: {"prompt": bad}, "prompt"),
        (lambda bad: {"seed": bad}, "seed"),
        (lambda bad: {"unknown": bad}, "unknown"),
        (lambda bad: {"images": [A, {"url": bad}]}, "images"),
        (lambda bad: {"metadata": {"tag": [bad]}}, "metadata.tag"),
    ],
)
def test_what_nothing_could_store_is_refused(wrap: Any, param: str, bad: Any) -> None:
    code, named = refusal({"model": "m", "prompt": "p", **wrap(bad)})

    assert named == param
    assert code == ("invalid_type" if type(bad) is object else "invalid_value")


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
def test_a_field_name_that_nothing_could_store_is_refused(name: str) -> None:
    assert refusal({"model": "m", "prompt": "p", name: 1}) == ("invalid_value", None)
    assert refusal({"model": "m", "prompt": "p", "metadata": {name: 1}}) == ("invalid_value", "metadata")
    assert refusal({"model": "m", "prompt": "p", "x": {name: 1}}) == ("invalid_value", "x")


def test_json_inside_text_is_checked_as_well() -> None:
    assert refusal({"model": "m", "metadata": '{"a": "\\u0000"}'}) == ("invalid_value", "metadata")
    assert refusal({"model": "m", "images": '["\\ud800"]'}) == ("invalid_value", "images")


def test_an_upload_is_genuine_only_when_the_gateway_made_it() -> None:
    parts = [("model", "m"), ("prompt", "p"), ("image", UploadRef.of("image", 0, "a.png"))]

    request, _ = normalise("/v1/videos", nested(parts))

    assert [(item.src, item.param) for item in request.media] == [("upload:image#0:a.png", "image")]
    assert type(request.media[0].src) is str
    assert refusal(nested([*parts[:2], ("image", "upload:image#0:a.png")])) == ("invalid_value", "image")


@pytest.mark.parametrize("name", ["markup", "foo[bar]", "foo[]"])
def test_a_file_that_nothing_reads_is_refused(name: str) -> None:
    parts = [("model", "m"), ("prompt", "p"), (name, UploadRef.of(name, 0, "a.png"))]

    assert refusal(nested(parts)) == ("invalid_value", name.partition("[")[0])


@pytest.mark.parametrize(("name", "code"), [("prompt", "invalid_type"), ("video_id", "invalid_value"), ("n", "invalid_type")])
def test_a_file_is_no_scalar(name: str, code: str) -> None:
    parts = [("model", "m"), ("content[][text]", "p"), (name, UploadRef.of(name, 0, "x" * 9000))]

    assert refusal(nested(parts)) == (code, name)

"""Every name of the alias table, at the top level and inside metadata."""

from typing import Any

import pytest

from app.domain.canonical import to_json
from app.domain.normalise import normalise

A = "https://img.example.com/a.png"
V, S = "https://vid.example.com/v.mp4", "https://aud.example.com/s.mp3"
CALLBACK = "https://cb.example.com/h"

SCALARS = [
    *(("negative_prompt", name, "blur", "blur") for name in ("negative_prompt",)),
    *(("duration", name, "6", 6) for name in ("seconds", "duration", "n_seconds", "duration_seconds", "video_length")),
    *(("frames", name, "121", 121) for name in ("frames", "num_frames")),
    *(("fps", name, 30, 30) for name in ("fps", "framespersecond", "frame_rate")),
    *(("resolution", name, "1080P", "1080p") for name in ("resolution", "quality", "size")),
    *(("aspect_ratio", name, "9:16", "9:16") for name in ("aspect_ratio", "ratio", "aspectRatio", "size")),
    *(("quality", name, "pro", "pro") for name in ("quality", "mode")),
    *(("mode", name, "text2video", "t2v") for name in ("mode", "function_mode", "functionMode", "generation_type")),
    *(("n", name, "2", 2) for name in ("n", "n_variants", "num_videos", "number_of_videos", "sample_count")),
    *(("seed", name, value, 0) for name in ("seed",) for value in (0, "0", 0.0)),
    *(("generate_audio", name, "on", True) for name in ("generate_audio", "with_audio", "sound", "audio")),
    *(("watermark", name, "no", False) for name in ("watermark", "watermark_enabled", "add_watermark")),
    ("watermark", "watermark_info", {"enabled": "false"}, False),
    *(("camera_fixed", name, 1, True) for name in ("camera_fixed", "camerafixed")),
    *(("callback_url", name, CALLBACK, CALLBACK) for name in ("callback_url", "webhook_url", "notify_url", "callBackUrl")),
    *(("client_task_id", name, " o-1 ", "o-1") for name in ("external_task_id", "client_task_id")),
    *(("user", name, "u-1", "u-1") for name in ("safety_identifier", "user")),
]
FIRST = ("first_frame_image", "first_frame", "first_frame_url", "first_image_url", "start_image", "start_image_url", "image_head")
LAST = (
    *("last_frame_image", "last_frame", "last_frame_url", "last_image_url", "end_image_url", "end_image", "end_frame_image"),
    *("image_tail", "tail_image", "tail_image_url"),
)
UNDECIDED = (
    *("image", "image_url", "input_reference", "images", "image_urls", "image_list"),
    *("input_image", "input_images", "binary_data_base64"),
)
MEDIA = [
    *(("first_frame", name, A) for name in (*FIRST, *UNDECIDED)),
    *(("last_frame", name, A) for name in LAST),
    *(("reference_image", name, A) for name in ("reference_images", "reference_image", "reference_image_urls", "ref_images")),
    *(("reference_video", name, V) for name in ("video", "video_url", "videos", "video_urls", "reference_videos")),
    *(("reference_audio", name, S) for name in ("audio", "audio_url", "audios", "audio_urls", "reference_audios")),
]
MODES = {
    "t2v": "t2v text2video text_to_video text-to-video",
    "i2v": "i2v image2video img2video image_to_video first_frame",
    "flf2v": "i2v_first_last first_last first_last_frames start_end start_end2video flf2v keyframes",
    "r2v": "reference_images reference_material multi_i2v multi_image2video r2v reference reference2video omni_reference",
    "extend": "extend extension video_extend",
    "edit": "edit video_edit v2v video_to_video",
    "remix": "remix",
}
INPUTS: dict[str, dict[str, Any]] = {
    "t2v": {},
    "i2v": {"image": A},
    "flf2v": {"images": [A, "asset://b"]},
    "r2v": {"image": A},
    "extend": {"video": V},
    "edit": {"video": V},
    "remix": {},
}


@pytest.mark.parametrize(("canonical", "name", "value", "expected"), SCALARS)
def test_a_scalar_is_read_under_every_name(canonical: str, name: str, value: Any, expected: Any) -> None:
    request, notices = normalise("/v1/videos", {"model": "m", "prompt": "p", name: value})

    assert to_json(request)[canonical] == expected
    assert request.client_name(canonical).partition(".")[0] == name
    assert request.vendor == {}
    assert notices == ()


@pytest.mark.parametrize(("canonical", "name", "value", "expected"), SCALARS)
def test_a_scalar_is_read_under_every_name_inside_metadata(canonical: str, name: str, value: Any, expected: Any) -> None:
    request, notices = normalise("/v1/videos", {"model": "m", "prompt": "p", "metadata": {name: value}})

    assert to_json(request)[canonical] == expected
    assert request.client_name(canonical).startswith(f"metadata.{name}")
    assert request.vendor == {}
    assert notices == ()


@pytest.mark.parametrize(("role", "name", "source"), MEDIA)
@pytest.mark.parametrize("shape", ["text", "object", "list"])
@pytest.mark.parametrize("inside", [False, True])
def test_media_are_read_under_every_name(role: str, name: str, source: str, shape: str, inside: bool) -> None:
    value: Any = {"text": source, "object": {"url": source}, "list": [source]}[shape]
    fields = {"metadata": {name: value}} if inside else {name: value}

    request, _ = normalise("/v1/videos", {"model": "m", "prompt": "p", **fields})

    assert [(item.role.value, item.src) for item in request.media] == [(role, source)]
    assert request.media[0].param == ("metadata." if inside else "") + name + ("[0]" if shape == "list" else "")
    assert request.vendor == {}


@pytest.mark.parametrize(("mode", "word"), [(mode, word) for mode, words in MODES.items() for word in words.split()])
def test_every_mode_word_is_known(mode: str, word: str) -> None:
    request, notices = normalise("/v1/videos", {"model": "m", "prompt": "p", "mode": word.upper(), **INPUTS[mode]})

    assert request.mode.value == mode
    assert notices == ()


@pytest.mark.parametrize(
    ("names", "canonical", "value", "other"),
    [
        (("seconds", "duration", "n_seconds", "duration_seconds", "video_length"), "duration", 5, 9),
        (("aspect_ratio", "ratio", "aspectRatio"), "aspect_ratio", "1:1", "16:9"),
        (("resolution", "quality", "size"), "resolution", "720p", "1080p"),
        (("generate_audio", "with_audio", "sound", "audio"), "generate_audio", True, False),
        (("watermark", "watermark_enabled", "add_watermark"), "watermark", True, False),
        (("safety_identifier", "user"), "user", "a", "b"),
        (("external_task_id", "client_task_id"), "client_task_id", "a", "b"),
    ],
)
def test_the_first_name_of_a_row_wins(names: tuple[str, ...], canonical: str, value: Any, other: Any) -> None:
    for index, name in enumerate(names):
        later = dict.fromkeys(names[index + 1 :], other)

        request, _ = normalise("/v1/videos", {"model": "m", "prompt": "p", **later, name: value})

        assert to_json(request)[canonical] == value
        assert request.client_name(canonical) == name

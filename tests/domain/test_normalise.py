"""The rules of the normalisation contract that the example lines leave open; aliases and refusals are in their own files."""

from typing import Any

import pytest

from app.domain.canonical import to_json
from app.domain.media import Role
from app.domain.normalise import normalise, wants_background
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest, codes

A, B, C = (f"https://img.example.com/{letter}.png" for letter in "abc")
V, S = "https://vid.example.com/v.mp4", "https://aud.example.com/s.mp3"
BASE = {"model": "m", "prompt": "p"}


def video(route: str = "/v1/videos", **fields: Any) -> VideoRequest:
    request, _ = normalise(route, {**BASE, **fields})
    assert isinstance(request, VideoRequest)
    return request


def image(route: str = "/v1/images/generations", **fields: Any) -> ImageRequest:
    request, _ = normalise(route, {**BASE, **fields})
    assert isinstance(request, ImageRequest)
    return request


def warnings(route: str = "/v1/videos", **fields: Any) -> list[str]:
    return list(codes(normalise(route, {**BASE, **fields})[1]))


def roles(request: Request) -> list[tuple[str, str]]:
    return [(item.role.value, item.src) for item in request.media]


# metadata


def test_metadata_wins_and_says_so() -> None:
    request, notices = normalise("/v1/videos", {**BASE, "seconds": "5", "metadata": {"duration": 8}})

    assert isinstance(request, VideoRequest)
    assert request.duration == 8
    assert request.client_name("duration") == "metadata.duration"
    assert [(n.code, n.field, n.before, n.after) for n in notices] == [("metadata_override:duration", "duration", 5, 8)]


@pytest.mark.parametrize(
    ("top", "inner", "code"),
    [
        ({"size": "1280x720"}, {"size": "720x1280"}, "metadata_override:size"),
        ({"ratio": "1:1"}, {"aspect_ratio": "16:9"}, "metadata_override:aspect_ratio"),
        ({"resolution": "720p"}, {"quality": "1080p"}, "metadata_override:resolution"),
        ({"mode": "std"}, {"mode": "pro"}, "metadata_override:quality"),
        ({"mode": "r2v", "reference_images": A}, {"mode": "i2v"}, "metadata_override:mode"),
        ({"seed": 1}, {"seed": 2}, "metadata_override:seed"),
        ({"watermark": True}, {"watermark_info": {"enabled": False}}, "metadata_override:watermark"),
    ],
)
def test_a_scalar_in_both_places_is_taken_from_metadata(top: dict[str, Any], inner: dict[str, Any], code: str) -> None:
    assert warnings(**top, metadata=inner) == [code]


def test_prompt_and_count_are_taken_from_the_top_level() -> None:
    request = video(n=2, metadata={"prompt": "other", "n": 7})

    assert (request.prompt, request.n, request.vendor) == ("p", 2, {})
    assert warnings(n=2, metadata={"prompt": "other", "n": 7}) == []
    only_inner, _ = normalise("/v1/videos", {"model": "m", "metadata": {"prompt": "inner", "n": 3}})
    assert (only_inner.prompt, only_inner.n) == ("inner", 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("duration", "long"),
        ("seed", {"a": 1}),
        ("image", "family-photo"),
        ("content", "a note"),
        ("content", [{"type": "hologram"}]),
        ("mode", 5),
        ("quality", 5),
        ("callback_url", "ftp://cb.example.com"),
        ("n", 99),
        ("audio", 5),
    ],
)
def test_a_metadata_value_that_means_nothing_stays_in_vendor(name: str, value: Any) -> None:
    assert video(metadata={name: value}).vendor == {name: value}
    assert warnings(metadata={name: value}) == [f"metadata_ignored:{name}"]


def test_model_names_in_metadata_are_dropped() -> None:
    assert video(metadata={"model_name": "dear", "model": "dearer"}).vendor == {}
    assert warnings(metadata={"model_name": "dear"}) == ["metadata_model_ignored"]


def test_metadata_wins_in_vendor_and_sandbox_steering_survives() -> None:
    request = video(a=1, b=1, metadata={"b": 2, "sandbox": {"delay": 0, "fail": ""}})

    assert request.vendor == {"a": 1, "b": 2, "sandbox": {"delay": 0, "fail": ""}}


def test_the_rest_of_a_half_read_object_stays() -> None:
    assert video(watermark_info={"enabled": True, "text": "x"}).vendor == {"watermark_info": {"text": "x"}}
    assert video(watermark_info="none").vendor == {"watermark_info": "none"}
    assert video(watermark_info={"enabled": None, "text": "x"}).watermark is None


@pytest.mark.parametrize("metadata", [None, "", " ", {}, [], "{}"])
def test_empty_metadata_is_absent(metadata: Any) -> None:
    assert video(metadata=metadata).vendor == {}


# empty is absent


@pytest.mark.parametrize("empty", [None, "", "  \t", [], {}])
def test_an_empty_field_is_absent(empty: Any) -> None:
    names = ("seconds", "size", "resolution", "ratio", "mode", "image", "images", "content", "video", "audio", "n", "seed", "foo")

    assert video(**dict.fromkeys(names, empty)) == video()


def test_empty_elements_and_objects_are_absent() -> None:
    request = video(images=["", None, {}], image={"url": ""}, content=[None, {"type": "image_url", "image_url": ""}])

    assert request.media == ()


def test_the_prompt_stays_as_written() -> None:
    assert video(prompt="  two\nlines --ratio 16:9 ").prompt == "  two\nlines --ratio 16:9 "
    assert video(prompt="x" * 5000).prompt == "x" * 5000
    assert video(prompt="x" * 32_000).prompt == "x" * 32_000


# prompt and content


def test_content_texts_are_the_prompt_when_there_is_none() -> None:
    texts = [{"type": "text", "text": "one"}, {"text": ""}, {"text": "two"}]

    request, notices = normalise("/v1/videos", {"model": "m", "metadata": {"content": texts}})

    assert request.prompt == "one\ntwo"
    assert request.client_name("prompt") == "metadata.content"
    assert notices == ()


def test_a_top_level_text_beats_a_metadata_prompt() -> None:
    request, _ = normalise("/v1/videos", {"model": "m", "content": [{"text": "top"}], "metadata": {"prompt": "inner"}})

    assert request.prompt == "top"


def test_a_text_that_repeats_the_prompt_is_no_conflict() -> None:
    assert warnings(content=[{"type": "text", "text": "p "}]) == []


def test_content_may_be_one_object_or_json_text() -> None:
    item = {"type": "image_url", "image_url": {"url": A}, "role": "last_frame"}

    assert roles(video(content=item)) == [("last_frame", A)]
    assert roles(video(content=f'[{{"image_url": "{A}", "role": "ref"}}]')) == [("reference_image", A)]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"image_url": A, "role": "start_frame"}, ("first_frame", A)),
        ({"image_url": A, "role": "End-Frame"}, ("last_frame", A)),
        ({"image_url": A, "role": "tail_frame"}, ("last_frame", A)),
        ({"image": {"image": A}, "role": "reference"}, ("reference_image", A)),
        ({"type": "input_image", "image_url": A, "role": "reference_image"}, ("reference_image", A)),
        ({"video_url": {"url": V}, "role": "reference"}, ("reference_video", V)),
        ({"type": "video", "video": V, "role": "source"}, ("source_video", V)),
        ({"type": "video_url", "video_url": {"id": "v-1"}}, ("reference_video", "task:v-1")),
        ({"audio_url": S, "role": "ref"}, ("reference_audio", S)),
        ({"type": "image_url", "image_url": {"file_id": "f-1"}}, ("first_frame", "file:f-1")),
    ],
)
def test_typed_items_carry_roles(item: dict[str, Any], expected: tuple[str, str]) -> None:
    assert roles(video(content=[item])) == [expected]


@pytest.mark.parametrize("role", ["hero", "first_frame"])
def test_a_role_that_does_not_fit_leaves_the_item_undecided(role: str) -> None:
    fields: dict[str, Any] = {"content": [{"video_url": V, "role": role}]}

    assert roles(video(**fields)) == [("reference_video", V)]
    assert warnings(**fields) == ["unknown_role"]


# media


def test_media_stand_in_the_order_of_the_table() -> None:
    fields: dict[str, Any] = {
        "content": [{"image_url": "asset://c", "role": "reference"}],
        "audio_url": S,
        "videos": [V],
        "reference_images": [{"url": "asset://r"}],
        "image_tail": "asset://l",
        "first_frame": "asset://f",
        "images": ["asset://u3"],
        "image": "asset://u1",
        "metadata": {"image_url": "asset://u4", "reference_image": "asset://r2"},
        "image_url": "asset://u2",
    }

    assert [item.src for item in video(**fields).media] == [
        *("asset://u1", "asset://u2", "asset://u3", "asset://u4", "asset://f", "asset://l", "asset://r", "asset://r2"),
        *(V, S, "asset://c"),
    ]


def test_every_medium_knows_the_name_that_the_client_wrote() -> None:
    request = video(
        image=A,
        images=[B, {"url": C}],
        metadata={"image_tail": "asset://t", "video_url": {"url": V}},
        content=[{"text": "x"}, {"type": "audio_url", "audio_url": {"url": S}}, {"image_url": "asset://x", "role": "ref"}],
    )

    assert [item.param for item in request.media] == [
        *("image", "images[0]", "images[1]", "metadata.image_tail", "metadata.video_url"),
        *("content[1].audio_url", "content[2].image_url"),
    ]


def test_the_same_source_stands_once_with_its_explicit_role() -> None:
    request = video(
        images=[A, A, B],
        image_list=[{"image": B, "type": "end_frame"}, {"image_url": A, "type": "first_frame"}],
        last_frame=A,
        content=[{"image_url": A}, {"image_url": A, "role": "last_frame"}],
    )

    assert roles(request) == [("first_frame", A), ("last_frame", B), ("last_frame", A)]


def test_two_sources_of_different_types_are_two_media() -> None:
    assert len(video(image="asset://x", video="asset://x").media) == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mode": "r2v", "images": [A, B]}, "r r"),
        ({"mode": "flf2v", "images": [A, B, C]}, "f l r"),
        ({"mode": "flf2v", "images": [A], "last_frame": B}, "f l"),
        ({"mode": "i2v", "images": [A, B]}, "f r"),
        ({"mode": "i2v", "images": [A], "first_frame": B}, "r f"),
        ({"images": [A, B], "reference_images": [C]}, "r r r"),
        ({"images": [A], "content": [{"video_url": V, "role": "reference_video"}]}, "r v"),
        ({"images": [A, B], "first_frame": C}, "r r f"),
        ({"images": [A, B], "last_frame": C}, "f r l"),
        ({"images": [A, B], "first_frame": C, "reference_images": ["asset://r"]}, "r r f r"),
        ({"images": [A], "video_url": V}, "f v"),
        ({"images": [A], "audio_url": S}, "f a"),
        ({"images": [A, B, C]}, "r r r"),
        ({"mode": "extend", "video": V, "images": [A]}, "r s"),
        ({"mode": "edit", "video": V, "reference_videos": ["asset://v"]}, "s v"),
        ({"mode": "edit", "reference_videos": ["asset://v"]}, "s"),
        ({"mode": "edit", "reference_videos": [V], "content": [{"video_url": "asset://v", "role": "source"}]}, "v s"),
        ({"mode": "remix", "video": V}, "s"),
        ({"video": V, "videos": ["asset://v"]}, "v v"),
    ],
)
def test_undecided_media_get_a_role(fields: dict[str, Any], expected: str) -> None:
    letters = {
        Role.FIRST_FRAME: "f",
        Role.LAST_FRAME: "l",
        Role.REFERENCE_IMAGE: "r",
        Role.REFERENCE_VIDEO: "v",
        Role.SOURCE_VIDEO: "s",
        Role.REFERENCE_AUDIO: "a",
    }

    assert " ".join(letters[item.role] for item in video(**fields).media) == expected


def test_two_images_are_only_guessed_when_nothing_else_is_said() -> None:
    assert warnings(images=[A, B]) == ["roles_guessed"]
    assert warnings(images=[A, B], reference_images=[C]) == []
    assert warnings(images=[A, B], mode="flf2v") == []


def test_64_media_are_allowed() -> None:
    assert len(video(images=[f"asset://{index}" for index in range(64)] * 2).media) == 64


def test_json_text_stands_for_the_object_in_it() -> None:
    assert roles(video(input_reference=f' {{"image_url": "{A}"}}')) == [("first_frame", A)]
    assert roles(video(images=f'["{A}", {{"url": "{B}", "role": "ref"}}]')) == [("reference_image", A), ("reference_image", B)]


def test_a_form_that_lost_the_border_between_elements_loses_no_image() -> None:
    assert [item.src for item in video(images=[{"file_id": "f", "image_url": A}]).media] == ["file:f", A]


def test_video_ids_are_jobs() -> None:
    assert roles(video(mode="edit", video={"id": "video_9"})) == [("source_video", "task:video_9")]
    assert roles(video(mode="edit", video={"task_id": 77})) == [("source_video", "task:77")]
    assert roles(video(mode="extend", video_id=77)) == [("source_video", "task:77")]
    assert roles(video(mode="extend", video_id={"id": "x"})) == [("source_video", "task:x")]
    assert roles(video(mode="edit", video={"id": "x", "url": V})) == [("source_video", V)]


def test_audio_is_a_switch_or_a_sound() -> None:
    assert video(audio="off").generate_audio is False
    assert video(audio=1).generate_audio is True
    sounding = video(audio=S, sound="on")
    assert (sounding.generate_audio, roles(sounding)) == (True, [("reference_audio", S)])
    assert video(audio=True, generate_audio=False).generate_audio is False


# mode


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({}, Mode.T2V),
        ({"image": A}, Mode.I2V),
        ({"last_frame": A}, Mode.I2V),
        ({"first_frame": A, "last_frame": B}, Mode.FLF2V),
        ({"audio_url": S}, Mode.R2V),
        ({"video": V}, Mode.R2V),
        ({"content": [{"video_url": V, "role": "source_video"}]}, Mode.EDIT),
        ({"mode": "i2v", "image": A, "last_frame": B}, Mode.FLF2V),
        ({"mode": "i2v", "last_frame": B}, Mode.I2V),
        ({"mode": "i2v", "reference_images": B}, Mode.I2V),
        ({"mode": "t2v", "audio_url": S}, Mode.T2V),
        ({"mode": "remix"}, Mode.REMIX),
        ({"mode": "Text-To Video"}, Mode.T2V),
        ({"mode": "pro", "function_mode": "r2v", "image": A}, Mode.R2V),
        ({"mode": "r2v", "function_mode": "i2v", "image": A}, Mode.R2V),
        ({"functionMode": "omni reference", "image": A}, Mode.R2V),
        ({"generation_type": "REFERENCE", "image": A}, Mode.R2V),
        ({"mode": "turbo", "function_mode": "r2v", "image": A}, Mode.R2V),
        ({"mode": "t2i"}, Mode.T2V),
    ],
)
def test_the_mode_of_a_video(fields: dict[str, Any], mode: Mode) -> None:
    assert video(**fields).mode is mode


@pytest.mark.parametrize(
    ("word", "quality"), [("std", "std"), ("standard", "std"), ("PRO", "pro"), ("professional", "pro"), ("turbo", None)]
)
def test_kling_qualities_come_in_mode(word: str, quality: str | None) -> None:
    assert video(mode=word).quality == quality
    assert "mode" not in video(mode=word).named


def test_a_quality_keeps_its_word() -> None:
    assert video(quality=" Standard ").quality == "standard"
    assert video(quality="hd", mode="pro").quality == "hd"
    tier = video(quality="1080P")
    assert (tier.quality, tier.resolution, tier.client_name("resolution")) == (None, "1080p", "quality")


def test_unknown_modes_stay_in_vendor() -> None:
    request = video(mode="turbo", metadata={"function_mode": "dance"})

    assert request.vendor == {"mode": "turbo", "function_mode": "dance"}
    assert warnings(mode="turbo", metadata={"function_mode": "dance"}) == ["unknown_mode"]


@pytest.mark.parametrize(
    ("route", "mode"),
    [
        ("/v1/videos/edits", Mode.EDIT),
        ("/v1/videos/extensions", Mode.EXTEND),
        ("/v1/videos/video_1/remix", Mode.REMIX),
        ("/v1/videos/{id}/remix", Mode.REMIX),
    ],
)
def test_the_route_names_the_mode_and_the_video_is_the_source(route: str, mode: Mode) -> None:
    request = video(route, video={"id": "video_1"})

    assert request.mode is mode
    assert roles(request) == [("source_video", "task:video_1")]
    assert [item.param for item in request.media] == ["id" if mode is Mode.REMIX else "video"]
    assert video(route, mode="i2v", image=A).mode is Mode.I2V


# length


@pytest.mark.parametrize(
    ("fields", "duration", "frames"),
    [
        ({"frames": 121}, 5, 121),
        ({"frames": "241"}, 10, 241),
        ({"num_frames": 120}, 5, 120),
        ({"frames": 100}, 4.17, 100),
        ({"frames": 1}, 0.04, 1),
        ({"frames": 150, "fps": 30}, 5, 150),
        ({"frames": 100, "frame_rate": "30"}, 3.33, 100),
        ({"frames": 121, "duration": 8}, 8, 121),
        ({"frames": 121, "duration": "auto"}, None, 121),
        ({"seconds": "8.5 Seconds"}, 8.5, None),
        ({"duration": -1.0}, None, None),
        ({"n_seconds": 3600}, 3600, None),
    ],
)
def test_the_length_follows_from_seconds_or_frames(fields: dict[str, Any], duration: float | None, frames: int | None) -> None:
    request = video(**fields)

    assert (request.duration, request.frames) == (duration, frames)
    assert isinstance(request.duration, int) == (duration is not None and duration == int(duration))
    assert request.duration_auto is (duration is None)


def test_disagreeing_lengths_are_reported() -> None:
    request, notices = normalise("/v1/videos", {**BASE, "seconds": "5", "duration": "5s", "video_length": 9})

    assert isinstance(request, VideoRequest)
    assert request.duration == 5
    assert [(n.code, n.before, n.after) for n in notices] == [("duration_conflict", 9, 5)]


# size


@pytest.mark.parametrize(
    ("fields", "pixels", "resolution", "ratio", "codes_"),
    [
        ({"size": "1280x720", "ratio": "1:1"}, None, "720p", "1:1", ["size_conflict"]),
        ({"size": "1280x720", "ratio": "auto"}, None, "720p", "auto", ["size_conflict"]),
        ({"size": "1280x720", "resolution": "1080p"}, None, "1080p", "16:9", ["size_conflict"]),
        ({"size": "1280x720", "quality": "1080p"}, None, "1080p", "16:9", ["size_conflict"]),
        ({"size": "1280x720", "width": 1280}, (1280, 720), "720p", "16:9", []),
        ({"size": "1280x720", "width": 640, "height": 720}, (1280, 720), "720p", "16:9", ["size_conflict"]),
        ({"size": "1280x720", "height": 721}, (1280, 720), "720p", "16:9", ["size_conflict"]),
        ({"size": "1080p", "width": 1280, "height": 720}, None, "1080p", "16:9", ["size_conflict"]),
        ({"size": "720p", "width": 1280, "height": 720}, (1280, 720), "720p", "16:9", []),
        ({"size": "9:16", "width": 1280, "height": 720}, None, "720p", "9:16", ["size_conflict"]),
        ({"resolution": "1280x720"}, (1280, 720), "720p", "16:9", []),
        ({"resolution": "1280x720", "size": "1920x1080"}, (1280, 720), "720p", "16:9", ["size_conflict"]),
        ({"resolution": "1280x720", "size": "1080p"}, (1280, 720), "720p", "16:9", []),
        ({"resolution": "1280x720", "size": "9:16"}, None, "720p", "9:16", ["size_conflict"]),
        ({"resolution": 720}, None, "720p", None, []),
        ({"size": "1000x800"}, (1000, 800), "720p", "4:3", ["aspect_snapped"]),
        ({"size": "1000x800", "ratio": "5:4"}, (1000, 800), "720p", "5:4", []),
        ({"size": "1000x800", "ratio": "1:1", "resolution": "480p"}, None, "480p", "1:1", ["size_conflict"]),
        ({"height": "720", "ratio": "16：9"}, (None, 720), None, "16:9", ["incomplete_size"]),
        ({"width": 720, "size": "720p"}, (720, None), "720p", None, ["incomplete_size"]),
    ],
)
def test_sizes_agree_or_the_explicit_one_wins(
    fields: dict[str, Any], pixels: tuple[int, int] | None, resolution: str | None, ratio: str | None, codes_: list[str]
) -> None:
    request = video(**fields)

    assert (request.width, request.height) == (pixels or (None, None))
    assert (request.resolution, request.aspect_ratio) == (resolution, ratio)
    assert warnings(**fields) == codes_


def test_what_a_size_implied_is_named_size() -> None:
    request = video(size="1280x720")

    assert {name: request.client_name(name) for name in ("width", "height", "resolution", "aspect_ratio")} == dict.fromkeys(
        ("width", "height", "resolution", "aspect_ratio"), "size"
    )
    assert video(size="720p").client_name("resolution") == "size"
    assert video(metadata={"size": "16:9"}).client_name("aspect_ratio") == "metadata.size"
    assert video(width=1280, height=720).client_name("resolution") == "width"
    assert video(resolution="1280x720").client_name("width") == "resolution"


def test_image_sizes_keep_their_shape() -> None:
    request = image(size="1000x300")

    assert (request.width, request.height, request.resolution, request.aspect_ratio) == (1000, 300, "1K", "10:3")
    assert (image(size="2K").resolution, image(size="2K").aspect_ratio) == ("2K", None)
    assert image(quality="2k").resolution == "2K"


# images


def test_every_image_name_is_an_input_of_an_image_operation() -> None:
    request = image(
        image=[A, B],
        input_image=C,
        first_frame="asset://f",
        reference_images=["asset://r"],
        mask={"image_url": "asset://m"},
        content=[
            {"image_url": "asset://c", "role": "mask"},
            {"image_url": "asset://d", "role": "reference"},
            {"image_url": "asset://e"},
        ],
    )

    assert [(item.role.value, item.src) for item in request.media] == [
        *(("image", A), ("image", B), ("image", C), ("image", "asset://f"), ("image", "asset://r")),
        *(("mask", "asset://m"), ("mask", "asset://c"), ("image", "asset://d"), ("image", "asset://e")),
    ]
    assert request.mode is Mode.I2I


def test_one_picture_is_one_input_of_an_image_operation_whatever_the_names() -> None:
    assert roles(image(first_frame=A, last_frame=A, image=A)) == [("image", A)]
    assert roles(image(image=A, mask=A)) == [("image", A), ("mask", A)]


def test_an_unknown_role_of_an_image_is_reported() -> None:
    assert warnings("/v1/images/generations", content=[{"image_url": A, "role": "hero"}]) == ["unknown_role"]


def test_videos_of_an_image_operation_are_kept_for_the_model_to_refuse() -> None:
    assert roles(image(video_url=V)) == [("reference_video", V)]
    assert image(audio=True).vendor == {"audio": True}


def test_image_modes_follow_from_the_images() -> None:
    assert image(mode="i2i", image=A).mode is Mode.I2I
    assert image(mode="t2i", image=A).mode is Mode.I2I
    assert image(mode="edit").vendor == {"mode": "edit"}
    assert image("/v1/images/edits", image=A, prompt=None).prompt is None


def test_image_fields_are_read_as_given() -> None:
    request = image(
        response_format="B64_JSON",
        output_format=" WebP",
        output_compression="80",
        moderation="low",
        input_fidelity="high",
        style=" Vivid ",
        stream="yes",
        partial_images="3",
        background="transparent",
        complexity="low",
        safety_identifier="s",
        user="u",
    )

    expected = {
        "response_format": "b64_json",
        "output_format": "webp",
        "output_compression": 80,
        "background": "transparent",
        "moderation": "low",
        "input_fidelity": "high",
        "style": "Vivid",
        "stream": True,
        "partial_images": 3,
        "user": "s",
    }
    assert {name: to_json(request)[name] for name in expected} == expected
    assert request.vendor == {"complexity": "low"}


@pytest.mark.parametrize(("value", "wanted"), [(True, True), ("true", True), (False, False), ("opaque", False), (None, False)])
def test_a_boolean_background_is_about_the_answer(value: Any, wanted: bool) -> None:
    assert wants_background({"background": value}) is wanted
    assert image(background=value).background == (value if value == "opaque" else None)
    assert image(background=value).vendor == {}


def test_video_words_mean_nothing_to_an_image() -> None:
    assert image(seconds=5, fps=24).vendor == {"seconds": 5, "fps": 24}
    assert video(style="anime", response_format="url").vendor == {"style": "anime", "response_format": "url"}


# jimeng


def test_jimeng_bodies_name_the_model_by_req_key() -> None:
    request, _ = normalise("/jimeng/", {"req_key": "jimeng_t2v_v30", "prompt": "p", "frames": 241})
    picture, _ = normalise("/jimeng/", {"req_key": "jimeng_t2i_v40", "prompt": "p", "image_urls": [A]})
    both, _ = normalise("/jimeng/", {"model": "m", "req_key": "jimeng_t2v_v30", "prompt": "p"})

    assert (request.op, request.model, request.vendor) == ("video", "jimeng_t2v_v30", {})
    assert (picture.op, picture.mode) == ("image", Mode.I2I)
    assert (both.model, both.vendor) == ("m", {"req_key": "jimeng_t2v_v30"})


def test_a_task_id_is_the_source_only_where_a_mode_asks_for_one() -> None:
    extended, _ = normalise("/v1/videos", {"model": "m", "mode": "extend", "task_id": "task-9"})
    assert [(item.src, item.role, item.param) for item in extended.media] == [("task:task-9", Role.SOURCE_VIDEO, "task_id")]
    named, _ = normalise("/v1/videos", {"model": "m", "mode": "extend", "video_id": "v-1", "task_id": "task-9"})
    assert [item.src for item in named.media] == ["task:v-1"]
    plain, _ = normalise("/v1/videos", {"model": "m", "prompt": "p", "task_id": "mine"})
    assert (plain.media, plain.vendor) == ((), {"task_id": "mine"})

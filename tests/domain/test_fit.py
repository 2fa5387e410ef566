"""Scalars adjust and report; inputs refuse."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.capabilities import Capabilities, InputRule, Overlay, Steps
from app.domain.errors import InputRefused, InvalidRequest
from app.domain.fit import Fitted, fit
from app.domain.media import Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, VideoRequest, codes
from tests.domain.builders import image, picture, video

KLING_LIKE = Capabilities(
    op="video",
    modes=frozenset({Mode.T2V, Mode.I2V, Mode.FLF2V}),
    durations=(5, 10),
    default_duration=5,
    resolutions=("720p", "1080p"),
    default_resolution="720p",
    aspect_ratios=("16:9", "9:16", "1:1"),
    default_aspect_ratio="16:9",
    pixels={"720p": {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960)}, "1080p": {"16:9": (1920, 1080)}},
    fps=(24,),
    scalars=frozenset({"negative_prompt"}),
    qualities=("std", "pro"),
    vendor_fields=frozenset({"cfg_scale"}),
    inputs={Role.FIRST_FRAME: InputRule(1), Role.LAST_FRAME: InputRule(1)},
)
MOTION = Media(MediaType.VIDEO, Role.REFERENCE_VIDEO, "https://v.example.com/a.mp4", param="video_url")
OPEN = Capabilities(op="video", prompt_required=False)


def fitted_video(result: Fitted) -> VideoRequest:
    assert isinstance(result.request, VideoRequest)
    return result.request


def fitted_image(result: Fitted) -> ImageRequest:
    assert isinstance(result.request, ImageRequest)
    return result.request


def test_what_the_model_has_passes_without_a_word() -> None:
    asked = video(duration=10, resolution="720p", aspect_ratio="9:16", width=720, height=1280, fps=24)
    result = fit(asked, KLING_LIKE)
    assert result.request == asked
    assert result.notices == ()


def test_defaults_of_the_data_file_are_filled_in_silently() -> None:
    result = fit(video(), KLING_LIKE)
    request = fitted_video(result)
    assert (request.duration, request.resolution, request.aspect_ratio) == (5, "720p", "16:9")
    assert (request.width, request.height) == (1280, 720)
    assert result.notices == ()


@pytest.mark.parametrize(("asked", "given"), [(1, 5), (7, 5), (7.5, 10), (8, 10), (60, 10)])
def test_a_length_snaps_to_the_nearest_with_ties_up(asked: float, given: float) -> None:
    result = fit(video(duration=asked), KLING_LIKE)
    assert fitted_video(result).duration == given
    assert [(notice.code, notice.before, notice.after) for notice in result.notices] == [("adjusted:duration", asked, given)]


def test_a_length_left_to_the_model_is_named_where_the_model_cannot_choose() -> None:
    result = fit(video(duration_auto=True), KLING_LIKE)
    assert fitted_video(result).duration == 5
    assert codes(result.notices) == ("adjusted:duration",)
    kept = fit(video(duration_auto=True), replace(KLING_LIKE, duration_auto=True))
    assert fitted_video(kept).duration_auto
    assert kept.notices == ()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("resolution", "2160p", "adjusted:resolution"),
        ("aspect_ratio", "21:9", "adjusted:aspect_ratio"),
        ("fps", 30, "adjusted:fps"),
        ("seed", 7, "dropped:seed"),
        ("watermark", True, "dropped:watermark"),
        ("generate_audio", True, "dropped:generate_audio"),
        ("camera_fixed", True, "dropped:camera_fixed"),
        ("quality", "ultra", "dropped:quality"),
        ("frames", 121, "dropped:frames"),
        ("vendor", {"bgm": True}, "dropped:vendor.bgm"),
    ],
)
def test_a_scalar_that_the_model_lacks_is_adjusted_and_reported(field: str, value: object, code: str) -> None:
    assert codes(fit(video(**{field: value}), KLING_LIKE).notices) == (code,)


@pytest.mark.parametrize("field", ["generate_audio", "watermark", "camera_fixed"])
def test_no_to_a_thing_that_the_model_lacks_is_no_news(field: str) -> None:
    assert fit(video(**{field: False}), KLING_LIKE).notices == ()


def test_an_auto_ratio_becomes_the_default_where_the_model_must_be_told() -> None:
    result = fit(video(aspect_ratio="auto"), KLING_LIKE)
    assert fitted_video(result).aspect_ratio == "16:9"


def test_pixels_close_to_the_models_own_are_what_was_meant() -> None:
    asked = video(width=848, height=480, resolution="480p", aspect_ratio="16:9")
    model = replace(KLING_LIKE, resolutions=("480p",), pixels={"480p": {"16:9": (864, 496)}})
    result = fit(asked, model)
    assert (fitted_video(result).width, fitted_video(result).height) == (864, 496)
    assert result.notices == ()


def test_pixels_far_from_the_models_own_are_reported() -> None:
    result = fit(video(width=1024, height=1024, resolution="720p", aspect_ratio="1:1"), KLING_LIKE)
    assert [(notice.code, notice.before, notice.after) for notice in result.notices] == [("adjusted:size", "1024x1024", "960x960")]


def test_an_unknown_model_gets_everything_as_it_came() -> None:
    asked = video(
        duration=7, resolution="1440p", aspect_ratio="21:9", width=2560, height=1080, fps=60, seed=3, frames=90,
        watermark=True, generate_audio=True, camera_fixed=True, negative_prompt="rain", quality="best", vendor={"x": 1},
        mode=Mode.R2V, media=(picture(Role.REFERENCE_IMAGE), Media(MediaType.AUDIO, Role.REFERENCE_AUDIO, "https://a.example.com/x.mp3")),
    )  # fmt: skip
    result = fit(asked, OPEN)
    assert result.request == asked
    assert result.notices == ()


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (video(mode=Mode.R2V, media=(picture(Role.REFERENCE_IMAGE, "images[0]"),)), "images[0]"),
        (video(mode=Mode.EXTEND, named={"mode": "function_mode"}), "function_mode"),
        (video(mode=Mode.I2V, media=(picture(), picture(param="images[1]", src="https://img.example.com/b.png"))), "images[1]"),
        (video(mode=Mode.I2V, media=(MOTION,)), "video_url"),
    ],
)  # fmt: skip
def test_an_input_that_the_model_cannot_take_is_refused_by_the_clients_name(request_: VideoRequest, param: str) -> None:
    with pytest.raises(InputRefused) as refusal:
        fit(request_, KLING_LIKE)
    assert refusal.value.param == param


def test_a_missing_or_too_long_prompt_is_refused() -> None:
    with pytest.raises(InvalidRequest) as missing:
        fit(video(prompt=None, mode=Mode.I2V, media=(picture(),)), KLING_LIKE)
    assert (missing.value.code, missing.value.param) == ("missing_required_parameter", "prompt")
    with pytest.raises(InvalidRequest) as long:
        fit(video(prompt="x" * 11, named={"prompt": "content"}), replace(KLING_LIKE, prompt_limit=10))
    assert long.value.param == "content"


def test_a_picture_for_a_video_model_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        fit(image(), KLING_LIKE)
    assert refusal.value.param == "model"


def test_frames_beside_references_become_references_where_the_model_mixes_nothing() -> None:
    model = replace(
        KLING_LIKE,
        modes=frozenset({Mode.I2V, Mode.R2V}),
        frames_mix=False,
        inputs={Role.REFERENCE_IMAGE: InputRule(9), Role.REFERENCE_VIDEO: InputRule(3), Role.FIRST_FRAME: InputRule(1)},
    )
    result = fit(video(mode=Mode.I2V, media=(picture(), MOTION)), model)
    assert [item.role for item in result.request.media] == [Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO]
    assert result.request.mode is Mode.R2V
    assert codes(result.notices) == ("adjusted:media",)


def test_two_guessed_frames_become_references_where_the_model_only_knows_those() -> None:
    model = replace(KLING_LIKE, modes=frozenset({Mode.R2V}), inputs={Role.REFERENCE_IMAGE: InputRule(4)})
    pair = (picture(), picture(Role.LAST_FRAME, src="https://img.example.com/b.png"))
    result = fit(video(mode=Mode.FLF2V, media=pair), model, roles_guessed=True)
    assert [item.role for item in result.request.media] == [Role.REFERENCE_IMAGE] * 2
    with pytest.raises(InputRefused):
        fit(video(mode=Mode.FLF2V, media=pair), model)


def test_an_overlay_changes_what_holds_under_its_condition() -> None:
    overlays = (
        Overlay({"resolution": frozenset({"1080p"})}, {"durations": (10,), "default_duration": 10}),
        Overlay({"mode": frozenset({"i2v"})}, {"aspect_ratios": ("auto",), "default_aspect_ratio": "auto"}),
        Overlay({"media": frozenset({"last_frame"})}, {"inputs": {Role.FIRST_FRAME: InputRule(0)}}),
    )
    model = replace(KLING_LIKE, overlays=overlays)
    assert fitted_video(fit(video(resolution="1080p"), model)).duration == 10
    assert fitted_video(fit(video(resolution="720p"), model)).duration == 5
    assert fit(video(mode=Mode.I2V, media=(picture(),)), model).request.aspect_ratio == "auto"
    with pytest.raises(InputRefused):
        fit(video(mode=Mode.FLF2V, media=(picture(), picture(Role.LAST_FRAME))), model)


def test_frames_go_to_the_models_grid() -> None:
    model = replace(KLING_LIKE, frames=Steps(29, 289, 4))
    result = fit(video(frames=120, duration=5), model)
    assert fitted_video(result).frames == 121
    assert codes(result.notices) == ("adjusted:frames",)


@pytest.mark.parametrize(("value", "nearest"), [(0, 29), (30, 29), (31, 33), (32, 33), (33, 33), (1000, 289)])
def test_steps_know_their_nearest_member(value: float, nearest: int) -> None:
    assert Steps(29, 289, 4).nearest(value) == nearest


SEEDREAM_LIKE = Capabilities(
    op="image", min_pixels=3_686_400, max_pixels=16_777_216, pixel_multiple=8, max_ratio=16, resolutions=("2K", "4K"),
    default_resolution="2K", pixels={"2K": {"1:1": (2048, 2048), "16:9": (2848, 1600)}},
)  # fmt: skip


def test_a_picture_that_is_too_small_grows_in_its_shape() -> None:
    result = fit(image(width=1024, height=1024, resolution="1K", aspect_ratio="1:1"), SEEDREAM_LIKE)
    request = fitted_image(result)
    assert request.width == request.height == 2048
    assert codes(result.notices) == ("adjusted:size",)


def test_a_picture_that_is_too_large_shrinks_below_the_limit() -> None:
    request = fitted_image(fit(image(width=8000, height=4000), SEEDREAM_LIKE))
    assert request.width is not None
    assert request.height is not None
    assert request.width * request.height <= 16_777_216
    assert request.width == pytest.approx(2 * request.height, rel=0.01)


def test_a_tier_word_stays_a_word_and_a_shape_takes_the_table() -> None:
    assert fitted_image(fit(image(resolution="2K"), SEEDREAM_LIKE)).width is None
    wide = fitted_image(fit(image(aspect_ratio="16:9"), SEEDREAM_LIKE))
    assert (wide.width, wide.height) == (2848, 1600)


def test_a_size_that_is_not_on_the_list_becomes_the_nearest_shape() -> None:
    model = Capabilities(op="image", sizes=((1024, 1024), (1536, 1024), (1024, 1536)), qualities=("low", "high"))
    result = fit(image(width=1920, height=1080), model)
    assert (fitted_image(result).width, fitted_image(result).height) == (1536, 1024)
    assert codes(result.notices) == ("adjusted:size",)
    assert fit(image(width=1024, height=1024, quality="high"), model).notices == ()


def test_image_scalars_that_the_model_lacks_are_dropped() -> None:
    model = Capabilities(op="image", scalars=frozenset({"background"}), output_formats=("png",))
    result = fit(image(background="transparent", style="vivid", output_format="svg", moderation="auto"), model)
    assert codes(result.notices) == ("dropped:output_format", "dropped:style")
    assert fitted_image(result).background == "transparent"


def test_an_unlimited_image_model_keeps_every_size() -> None:
    result: Any = fit(image(width=333, height=777), Capabilities(op="image"))
    assert (result.request.width, result.request.height, result.notices) == (333, 777, ())


def test_a_picture_format_that_the_gateway_makes_itself_is_not_asked_of_the_vendor() -> None:
    model = Capabilities(op="image", scalars=frozenset(), output_formats=("png",))
    result = fit(image(output_format="webp", output_compression=80), model)
    assert (fitted_image(result).output_format, fitted_image(result).output_compression, result.notices) == (None, None, ())


def test_a_length_that_came_from_a_frame_count_follows_the_count() -> None:
    model = replace(KLING_LIKE, frames=Steps(29, 289, 4))
    assert fitted_video(fit(video(frames=200, duration=8.33), model)).duration == pytest.approx(201 / 24, abs=0.01)
    named = video(frames=200, duration=5, named={"duration": "seconds"})
    assert fitted_video(fit(named, model)).duration == 5

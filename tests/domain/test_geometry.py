import math

import pytest

from app.domain.geometry import (
    IMAGE_RATIOS,
    IMAGE_TIERS,
    VIDEO_RATIOS,
    VIDEO_TIERS,
    Size,
    nearest_ratio,
    pixels_of,
    ratio_of_pixels,
    ratio_value,
    read_pixels,
    read_quality_tier,
    read_ratio,
    read_resolution,
    read_size,
    read_tier,
    same_shape,
    tier_of_pixels,
    tier_pixels,
)
from app.domain.requests import Operation


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("auto", Size(aspect_ratio="auto")),
        ("Adaptive", Size(aspect_ratio="auto")),
        ("keep", Size(aspect_ratio="auto")),
        ("landscape", Size(aspect_ratio="16:9")),
        ("portrait", Size(aspect_ratio="9:16")),
        ("square", Size(aspect_ratio="1:1")),
        ("1280x720", Size(1280, 720)),
        (" 1280X720 ", Size(1280, 720)),
        ("1280*720", Size(1280, 720)),
        ("1280×720", Size(1280, 720)),
        ("1280:720", Size(1280, 720)),
        ("64x16384", Size(64, 16384)),
        ("16:9", Size(aspect_ratio="16:9")),
        ("16：9", Size(aspect_ratio="16:9")),
        ("7:3", Size(aspect_ratio="21:9")),
        ("720p", Size(resolution="720p")),
        ("720P", Size(resolution="720p")),
        ("720", Size(resolution="720p")),
        ("hd", Size(resolution="720p")),
        ("FHD", Size(resolution="1080p")),
        ("qhd", Size(resolution="1440p")),
        ("uhd", Size(resolution="2160p")),
        ("1K", Size(resolution="1080p")),
        ("2k", Size(resolution="1440p")),
        ("4K", Size(resolution="2160p")),
    ],
)
def test_a_size_word_is_read(text: str, size: Size) -> None:
    assert read_size(text, "video") == size


@pytest.mark.parametrize(
    "text", ["large", "63x720", "1280x16385", "0:9", "9:0", "16x9", "100:20", "240p", "8K", "1280x", "٧٢٠p", "1" * 4000, "3:64"]
)
def test_what_is_no_size_is_none(text: str) -> None:
    assert read_size(text, "video") is None


@pytest.mark.parametrize(
    ("word", "tier"), [("1k", "1K"), ("2K", "2K"), ("4k", "4K"), ("hd", "1K"), ("1080p", "1K"), ("1440p", "2K"), ("uhd", "4K")]
)
def test_images_have_three_tiers(word: str, tier: str) -> None:
    assert read_tier(word, "image") == tier


def test_a_resolution_may_be_pixels() -> None:
    assert read_resolution("1280*720", "video") == Size(1280, 720)
    assert read_resolution("768p", "video") == Size(resolution="768p")
    assert read_resolution("16:9", "video") is None
    assert Size(1280, 720).pixels == (1280, 720)
    assert Size(1280).pixels is None
    assert [str(Size(1280, 720)), str(Size(aspect_ratio="1:1")), str(Size(resolution="720p"))] == ["1280x720", "1:1", "720p"]


@pytest.mark.parametrize(
    ("word", "tier"), [("720p", "720p"), ("2K", "1440p"), ("720", None), ("hd", None), ("high", None), ("240p", None)]
)
def test_a_quality_is_a_tier_only_when_it_looks_like_one(word: str, tier: str | None) -> None:
    assert read_quality_tier(word, "video") == tier


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("16:9", "16:9"),
        ("16/9", "16:9"),
        ("16x9", "16:9"),
        ("16：9", "16:9"),
        (" 1920:1080 ", "16:9"),
        ("1920x1080", "16:9"),
        ("7:3", "21:9"),
        ("3:7", "9:21"),
        ("64:27", "64:27"),
        ("ADAPTIVE", "auto"),
        ("portrait", "9:16"),
        ("1.78:1", None),
        ("0:1", None),
        ("1:0", None),
        ("wide", None),
        ("123456:1", None),
    ],
)
def test_a_ratio_is_read_and_reduced(text: str, ratio: str | None) -> None:
    assert read_ratio(text) == ratio


@pytest.mark.parametrize(
    ("width", "height", "ratio", "tier"),
    [
        (480, 854, "9:16", "480p"),
        (832, 480, "16:9", "480p"),
        (1024, 1792, "9:16", "1080p"),
        (1792, 1024, "16:9", "1080p"),
        (1344, 768, "16:9", "768p"),
        (1536, 672, "21:9", "720p"),
        (960, 960, "1:1", "720p"),
        (1440, 1440, "1:1", "1080p"),
        (1024, 1024, "1:1", "720p"),
        (512, 512, "1:1", "360p"),
        (2560, 1440, "16:9", "1440p"),
        (3840, 2160, "16:9", "2160p"),
        (960, 540, "16:9", "540p"),
    ],
)
def test_pixels_of_a_video_have_a_ratio_and_a_tier(width: int, height: int, ratio: str, tier: str) -> None:
    assert ratio_of_pixels(width, height, "video") == (ratio, False)
    assert tier_of_pixels(width, height, "video") == tier


def test_an_odd_shape_is_bent_for_videos_and_kept_for_images() -> None:
    assert ratio_of_pixels(1000, 800, "video") == ("4:3", True)
    assert ratio_of_pixels(1000, 800, "image") == ("5:4", False)
    assert ratio_of_pixels(1024, 300, "image") == ("256:75", False)


@pytest.mark.parametrize(("side", "tier"), [(256, "1K"), (1448, "1K"), (1449, "2K"), (2896, "2K"), (2897, "4K")])
def test_an_image_tier_goes_by_the_side_of_a_square(side: int, tier: str) -> None:
    assert tier_of_pixels(side, side, "image") == tier


@pytest.mark.parametrize(("ratio", "same"), [("9:16", True), ("4:7", True), ("16:9", False), ("auto", False), ("3:4", False)])
def test_pixels_agree_with_a_ratio_that_is_near_enough(ratio: str, same: bool) -> None:
    assert same_shape(1024, 1792, ratio, "video") is same


def test_bent_pixels_agree_with_the_ratio_that_they_were_bent_to() -> None:
    assert same_shape(1000, 800, "4:3", "video")
    assert not same_shape(1000, 800, "4:3", "image")


@pytest.mark.parametrize(
    ("tier", "ratio", "op", "size"),
    [
        ("720p", "16:9", "video", (1280, 720)),
        ("720p", "9:16", "video", (720, 1280)),
        ("480p", "16:9", "video", (854, 480)),
        ("768p", "16:9", "video", (1366, 768)),
        ("1080p", "1:1", "video", (1080, 1080)),
        ("720p", "21:9", "video", (1680, 720)),
        (None, None, "video", (1280, 720)),
        ("2160p", "auto", "video", (3840, 2160)),
        (None, None, "image", (1024, 1024)),
        ("2K", "1:1", "image", (2048, 2048)),
        ("1K", "16:9", "image", (1366, 768)),
        ("4K", "auto", "image", (4096, 4096)),
    ],
)
def test_tier_and_ratio_give_even_pixels(tier: str | None, ratio: str | None, op: Operation, size: tuple[int, int]) -> None:
    assert pixels_of(tier, ratio, op) == size


def test_pixels_made_of_a_tier_and_a_ratio_say_that_ratio_again() -> None:
    cases: list[tuple[Operation, tuple[str, ...], tuple[str, ...]]] = [
        ("video", VIDEO_TIERS, VIDEO_RATIOS),
        ("image", IMAGE_TIERS, IMAGE_RATIOS),
    ]
    for op, tiers, ratios in cases:
        for tier in tiers:
            for ratio in ratios:
                assert ratio_of_pixels(*pixels_of(tier, ratio, op), op) == (ratio, False)


def test_an_extreme_ratio_still_has_pixels() -> None:
    assert pixels_of("1K", "1:99999", "image")[0] >= 2


def test_tiers_have_areas() -> None:
    assert tier_pixels("720p") == 921_600
    assert tier_pixels("768p") == 1_048_576
    assert tier_pixels("2K") == 4_194_304
    assert tier_pixels("0.5k") == 262_144
    with pytest.raises(ValueError, match="not a resolution tier"):
        tier_pixels("large")


def test_the_nearest_ratio_is_measured_in_logarithms() -> None:
    assert nearest_ratio(ratio_value("21:9"), ("16:9", "1:1", "9:16")) == "16:9"
    assert nearest_ratio(1.0, ("16:9", "9:16")) == "16:9"
    assert nearest_ratio(math.sqrt(16 / 9) + 0.01, ("1:1", "16:9")) == "16:9"


def test_pixels_need_both_sides_within_bounds() -> None:
    assert read_pixels("64x64") == (64, 64)
    assert read_pixels("64x63") is None

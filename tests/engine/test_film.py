"""Stills and previews of films of every kind, and of files that are none."""

import io
import struct
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream
from PIL import Image, ImageSequence

from app.engine.film import make
from app.engine.film_reader import Unreadable
from tests.engine.films import BLACK, BLUE, GREEN, RED, film, image_of, near

ALL = ("thumbnail", "spritesheet", "last_frame", "preview")
FORMATS = {"thumbnail": "JPEG", "spritesheet": "JPEG", "last_frame": "PNG", "preview": "WEBP"}


def made(variant: str, data: bytes) -> Image.Image:
    return image_of(make(variant, io.BytesIO(data)))


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (128, 72)) -> Image.Image:
    return Image.new("RGB", size, colour)


@pytest.mark.parametrize("variant", ALL)
@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("size", [(128, 72), (72, 128)])
def test_every_variant_is_made_of_films_of_any_shape_with_and_without_sound(
    variant: str, sound: bool, size: tuple[int, int]
) -> None:
    image = made(variant, film(size=size, sound=sound))
    assert image.format == FORMATS[variant]
    assert (image.width > image.height) == (size[0] > size[1])


@pytest.mark.parametrize("variant", ALL)
def test_one_picture_is_a_film_too(variant: str) -> None:
    image = made(variant, film(1))
    assert near(image, (5, 5), RED)


def test_a_thumbnail_is_no_wider_than_it_may_be_and_keeps_the_shape() -> None:
    assert made("thumbnail", film(2, (1920, 1080))).size == (640, 360)
    assert made("thumbnail", film(2, (720, 1280))).size == (640, 1138)
    assert made("thumbnail", film(2, (128, 72))).size == (128, 72)


def test_a_thumbnail_is_the_picture_at_a_tenth() -> None:
    data = film(40, paint=lambda number: plain(RED if number < 4 else GREEN if number < 8 else BLUE))
    assert near(made("thumbnail", data), (60, 30), GREEN)


def test_black_pictures_are_passed_over_for_a_thumbnail() -> None:
    data = film(40, paint=lambda number: plain(BLACK if number < 20 else GREEN))
    assert near(made("thumbnail", data), (60, 30), GREEN)


def test_the_thumbnail_of_a_black_film_is_black() -> None:
    assert near(made("thumbnail", film(10, paint=lambda number: plain(BLACK))), (60, 30), BLACK)


def test_the_last_frame_is_the_very_last_at_full_size() -> None:
    data = film(49, (320, 180), paint=lambda number: plain(GREEN if number == 48 else RED, (320, 180)), g="12")
    image = made("last_frame", data)
    assert image.size == (320, 180)
    assert near(image, (160, 90), GREEN)


def test_the_last_frame_is_found_with_sound_that_lasts_longer_and_pictures_out_of_order() -> None:
    data = film(30, fps=60, sound=True, paint=lambda number: plain(GREEN if number == 29 else RED), bf="3", preset="medium")
    assert near(made("last_frame", data), (60, 30), GREEN)


def test_a_sheet_shows_25_stills_in_order() -> None:
    data = film(50, paint=lambda number: plain((number * 5, 250 - number * 5, 30)))
    image = made("spritesheet", data)
    assert image.size == (128 * 5, 72 * 5)
    for number in range(25):
        shade = (2 * number + 1) * 5
        assert near(image, (number % 5 * 128 + 60, number // 5 * 72 + 30), (shade, 250 - shade, 30))


def test_a_sheet_of_a_large_film_is_small() -> None:
    assert made("spritesheet", film(3, (1280, 720))).size == (1600, 900)


def test_a_sheet_of_a_long_film_is_made_of_key_frames() -> None:
    data = film(300, paint=lambda number: plain(RED if number < 150 else BLUE), fps=1, g="10")
    image = made("spritesheet", data)
    assert near(image, (60, 30), RED)
    assert near(image, (4 * 128 + 60, 4 * 72 + 30), BLUE)


@pytest.mark.parametrize(("frames", "milliseconds"), [(24, 2000), (240, 4000)])
def test_a_preview_moves_for_ever_and_takes_at_most_four_seconds(frames: int, milliseconds: int) -> None:
    image = made("preview", film(frames))
    shown = [still.copy().info["duration"] for still in ImageSequence.Iterator(image)]
    assert image.info["loop"] == 0
    assert len(shown) > 1
    assert abs(sum(shown) - milliseconds) <= 32


def test_a_turned_film_is_shown_upright() -> None:
    data = bytearray(film(3))
    matrix = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    place = data.index(matrix, data.index(b"tkhd"))
    data[place : place + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    assert made("last_frame", bytes(data)).size == (72, 128)


@pytest.mark.parametrize(
    ("container", "codec"), [("webm", "libvpx-vp9"), ("matroska", "libx264"), ("avi", "mpeg4"), ("gif", "gif")]
)
@pytest.mark.parametrize("variant", ALL)
def test_other_containers_are_read(container: str, codec: str, variant: str) -> None:
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=12)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = 128, 72
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for number in range(12):
            frame: av.VideoFrame = av.VideoFrame.from_image(plain(RED))  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert near(made(variant, target.getvalue()), (60, 30), RED)


@pytest.mark.parametrize("variant", ALL)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(range(256)) * 4,
        b"<html>gone</html>",
        film()[:300],
        b"\x89PNG\r\n\x1a\n" + bytes(50),
    ],
    ids=["empty", "noise", "page", "cut", "picture"],
)
def test_what_is_no_film_is_unreadable(variant: str, data: bytes) -> None:
    with pytest.raises(Unreadable):
        make(variant, io.BytesIO(data))


def test_a_film_of_sound_alone_has_no_pictures() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=48_000, layout="mono")
        silence = av.AudioFrame("fltp", "mono", 1024)
        silence.sample_rate, silence.pts = 48_000, 0
        silence.planes[0].update(bytes(4096))
        output.mux(stream.encode(silence))
        output.mux(stream.encode(None))
    with pytest.raises(Unreadable, match="no pictures"):
        make("thumbnail", io.BytesIO(target.getvalue()))


@pytest.mark.parametrize("variant", ALL)
def test_a_film_whose_middle_is_broken_is_shown_as_far_as_it_goes(variant: str) -> None:
    data = bytearray(film(48, (320, 180), g="8"))
    middle = (data.index(b"mdat") + len(data)) // 2
    data[middle : middle + 200] = bytes(200)
    assert made(variant, bytes(data)).format == FORMATS[variant]


@pytest.mark.parametrize("variant", ALL)
def test_a_decompression_bomb_is_refused_before_it_is_decoded(variant: str) -> None:
    bomb = b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0)
    bomb += b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x44\x01\x00\x3b"
    with pytest.raises(Unreadable):
        make(variant, io.BytesIO(bomb))


def test_a_side_beyond_the_limit_is_refused() -> None:
    with pytest.raises(Unreadable, match="8208x16 pixels"):
        make("thumbnail", io.BytesIO(film(1, (8208, 16))))


def test_a_film_beyond_ten_minutes_is_refused() -> None:
    with pytest.raises(Unreadable, match="601 seconds"):
        make("thumbnail", io.BytesIO(film(601, (16, 16), fps=1)))


@pytest.mark.parametrize(
    "playlist",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://%b\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '%b'\n",
    ],
)
def test_a_playlist_cannot_name_a_file_of_ours(tmp_path: Path, playlist: bytes) -> None:
    target = tmp_path / "secret.mp4"
    target.write_bytes(film())
    with pytest.raises(Unreadable):
        make("last_frame", io.BytesIO(playlist % bytes(target)))

import base64
from typing import Any

import pytest

from app.domain.errors import InvalidRequest
from app.domain.media import MediaType
from app.domain.normalise import normalise
from app.domain.normalise.sniffing import sniff
from app.domain.normalise.sources import source

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(251, 256)) * 4).decode()


@pytest.mark.parametrize(
    ("start", "kind", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n", MediaType.IMAGE, "image/png"),
        (b"\xff\xd8\xff\xe0", MediaType.IMAGE, "image/jpeg"),
        (b"GIF89a", MediaType.IMAGE, "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", MediaType.IMAGE, "image/webp"),
        (b"BM\x00\x00", MediaType.IMAGE, "image/bmp"),
        (b"II*\x00", MediaType.IMAGE, "image/tiff"),
        (b"\x00\x00\x00\x20ftypavif", MediaType.IMAGE, "image/avif"),
        (b"\x00\x00\x00\x20ftypheic", MediaType.IMAGE, "image/heic"),
        (b"\x00\x00\x00\x20ftypisom", MediaType.VIDEO, "video/mp4"),
        (b"\x00\x00\x00\x20ftypqt  ", MediaType.VIDEO, "video/quicktime"),
        (b"\x00\x00\x00\x20ftypM4A ", MediaType.AUDIO, "audio/mp4"),
        (b"\x1a\x45\xdf\xa3\x01", MediaType.VIDEO, "video/webm"),
        (b"\x1a\x45\xdf\xa3\x01", MediaType.AUDIO, "audio/webm"),
        (b"OggS\x00", MediaType.AUDIO, "audio/ogg"),
        (b"ID3\x04", MediaType.AUDIO, "audio/mpeg"),
        (b"\xff\xfb\x90", MediaType.AUDIO, "audio/mpeg"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", MediaType.AUDIO, "audio/wav"),
        (b"fLaC", MediaType.AUDIO, "audio/flac"),
        (b"RIFF\x00\x00\x00\x00ODD ", MediaType.IMAGE, None),
        (b"<svg", MediaType.IMAGE, None),
        (b"", MediaType.IMAGE, None),
    ],
)
def test_a_format_is_known_by_its_first_bytes(start: bytes, kind: MediaType, mime: str | None) -> None:
    assert sniff(start, kind) == mime


@pytest.mark.parametrize(
    ("written", "src"),
    [
        ("https://img.example.com/a.png?x=1#y", "https://img.example.com/a.png?x=1#y"),
        ("  HTTPS://img.example.com/A.png ", "https://img.example.com/A.png"),
        ("http://127.0.0.1:8080/a.png", "http://127.0.0.1:8080/a.png"),
        ("https://img.example.com/图.png", "https://img.example.com/图.png"),
        ("ASSET://as-1", "asset://as-1"),
        ("mm_file://f", "mm_file://f"),
        ("gs://bucket/a.png", "gs://bucket/a.png"),
        ("oss://bucket/a.png", "oss://bucket/a.png"),
        ("tos://bucket/a.png", "tos://bucket/a.png"),
        (PNG, f"data:image/png;base64,{PNG}"),
        (f" {PNG[:9]}\n{PNG[9:]} ", f"data:image/png;base64,{PNG}"),
        (PNG.rstrip("="), f"data:image/png;base64,{PNG}"),
        (PNG.replace("+", "-").replace("/", "_"), f"data:image/png;base64,{PNG}"),
        (f"data:image/png;base64,{PNG}", f"data:image/png;base64,{PNG}"),
        (f"DATA:IMAGE/PNG;BASE64,{PNG}", f"data:image/png;base64,{PNG}"),
        (f"data:image/jpeg;charset=utf-8;base64,{PNG}", f"data:image/png;base64,{PNG}"),
        (f"data:;base64,{PNG}", f"data:image/png;base64,{PNG}"),
        (f"data:application/octet-stream;base64,{PNG}", f"data:image/png;base64,{PNG}"),
        ("data:image/jpg;base64,AAAA", "data:image/jpeg;base64,AAAA"),
        ("data:image/svg+xml;base64,PHN2Zz4=", "data:image/svg+xml;base64,PHN2Zz4="),
    ],
)
def test_a_source_is_brought_to_one_form(written: str, src: str) -> None:
    assert source(written, MediaType.IMAGE, "image") == src


def test_the_test_image_needs_padding_and_both_special_characters() -> None:
    assert PNG.endswith("=")
    assert {"+", "/"} <= set(PNG)


def test_a_canonical_data_uri_is_not_copied() -> None:
    written = "data:image/png;base64," + base64.b64encode(b"\x89PNG" + bytes(3_000_000)).decode()

    assert source(written, MediaType.IMAGE, "image") is written


@pytest.mark.parametrize(
    "written", ["data:image/png;base64,\n", "data:image/png;base64,==", "data:image/png;" + "a" * 300 + ";base64,AAAA"]
)
def test_an_empty_or_overlong_data_uri_is_refused(written: str) -> None:
    with pytest.raises(InvalidRequest):
        source(written, MediaType.IMAGE, "image")


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [("image", "SUQzBAAA", "an image"), ("video", "SUQzBAAA", "a video"), ("audio_url", PNG, "an audio")],
)
def test_the_bytes_must_be_of_the_kind_that_the_field_takes(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(InvalidRequest, match=f"`{name}` does not hold {wanted}"):
        normalise("/v1/videos", {"model": "m", "prompt": "p", name: value})

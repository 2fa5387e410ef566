import io
import struct
import zlib

import pytest
from PIL import Image

from app.engine.sniff import ImageTooLarge, dimensions, extension_of, mime_of, mime_of_extension


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0\1\0", "image/gif"),
        (b"GIF87a\1\0\1\0", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"BM\x10\0\0\0\0\0\0\0", "image/bmp"),
        (b"II*\0\x08\0\0\0", "image/tiff"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "image/avif"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "audio/mp4"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\x82\x88matroska", "video/x-matroska"),
        (b"ID3\4\0\0\0\0\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90d\0\0", "audio/mpeg"),
        (b"\xff\xf1P\x80\0\0", "audio/aac"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
        (b"OggS\0\2\0\0", "audio/ogg"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"<!DOCTYPE html>", None),
        (b"RIFF\x10\0\0\0ABCD", None),
        (b"\xff\xe1", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_the_first_bytes_say_what_a_file_is(head: bytes, mime: str | None) -> None:
    assert mime_of(head) == mime


def test_endings_and_types_lead_to_each_other() -> None:
    assert mime_of_extension(extension_of("video/quicktime")) == "video/quicktime"
    assert extension_of(None) == "bin"
    assert mime_of_extension("exe") is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_dimensions_come_from_the_header(form: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (31, 17)).save(file, form)
    assert dimensions(file.getvalue()) == (31, 17)


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_a_pixel_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(ImageTooLarge):
        dimensions(png_header(side, side))


def test_what_is_no_picture_has_no_dimensions() -> None:
    assert dimensions(b"\0\0\0\x18ftypisom") is None
    assert dimensions(b"\x89PNG\r\n\x1a\n") is None


def png_header(width: int, height: int) -> bytes:
    """A few bytes that promise a large picture."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"\0")
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, body, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)

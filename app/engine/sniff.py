"""Tells what a file is from its own bytes, whatever its sender calls it."""

import io

HEAD = 64  # bytes that `mime_of` looks at
PIXEL_CAP = 80_000_000  # more is taken for a decompression bomb; below the limit at which Pillow warns

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    b"qt  ": "video/quicktime",
}
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/heic": "heic",
    "image/avif": "avif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "video/ogg": "ogv",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/webm": "weba",
}
_PARSED = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")


class ImageTooLarge(ValueError):
    """The header promises more pixels than anyone should decode."""


def mime_of(data: bytes) -> str | None:
    """The media type by magic bytes, of which `HEAD` suffice; None for what we do not know."""
    head = data[:HEAD]
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head else "video/x-matroska"
    return _mpeg_audio(head)


def extension_of(mime: str | None) -> str:
    """The usual file ending without a dot; `bin` for what we do not know."""
    return _EXTENSIONS.get(mime or "", "bin")


def mime_of_extension(extension: str) -> str | None:
    """The media type of a file ending without a dot."""
    return next((mime for mime, known in _EXTENSIONS.items() if known == extension.lower()), None)


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Width and height by the file's header alone, None for what is no picture; raises ImageTooLarge above the cap.

    Blocking for about a tenth of a millisecond (the first call loads the parsers): call it in a thread.
    """
    from PIL import Image, UnidentifiedImageError  # 2 MB that a gateway without client pictures does without

    try:
        with Image.open(io.BytesIO(data), formats=_PARSED) as image:
            width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"The picture has more than {PIXEL_CAP} pixels.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    if width * height > PIXEL_CAP:
        raise ImageTooLarge(f"The picture has {width}×{height} pixels; at most {PIXEL_CAP} are read.")
    return width, height


def _mpeg_audio(head: bytes) -> str | None:
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer = head[1] >> 1 & 3
    if layer == 0:  # ADTS, which carries AAC, has a twelve-bit sync word
        return "audio/aac" if head[1] & 0xF0 == 0xF0 else None
    return "audio/mpeg"

"""Knows media formats by their first bytes."""

from app.domain.media import MediaType

_STARTS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xfa", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"fLaC", "audio/flac"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif"}


def sniff(start: bytes, kind: MediaType) -> str | None:
    """The MIME type that the first bytes show, or None; `kind` decides what a container for both holds (mp4, webm, ogg)."""
    if start[:4] == b"RIFF":
        return _RIFF.get(start[8:12])
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        if brand == b"qt  ":
            return "video/quicktime"
        return _BRANDS.get(brand) or _contained(kind, "mp4")
    if start[:4] == b"\x1a\x45\xdf\xa3":
        return _contained(kind, "webm")
    if start[:4] == b"OggS":
        return _contained(kind, "ogg")
    return next((mime for magic, mime in _STARTS if start.startswith(magic)), None)


def _contained(kind: MediaType, container: str) -> str:
    return f"audio/{container}" if kind is MediaType.AUDIO else f"video/{container}"

"""Turns what a client wrote for a picture, clip or sound into a `Media.src` (normalisation.md §5)."""

import binascii
import re
from urllib.parse import urlsplit

import pybase64

from app.domain.json import Json
from app.domain.media import MediaType
from app.domain.normalise.sniffing import sniff
from app.domain.normalise.values import UploadRef, text, wrong_value

LONGEST_URL = 8192  # characters
_SCHEME = re.compile(r"([a-z][a-z0-9+._-]*):", re.IGNORECASE)
_VENDOR_SCHEMES = frozenset({"asset", "mm_file", "gs", "oss", "tos"})
_BAD_IN_URL = re.compile(r"[\s\x00-\x1f\x7f]")
_DATA_HEAD = re.compile(r"data:([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)?(?:;[^;,]*)*?;base64,", re.IGNORECASE)
_LONGEST_HEAD = 256
_BLANKS = "\n\r\t "
_URL_SAFE = str.maketrans("-_", "+/")
_PREFIX = 64  # base64 characters that are enough to know a format


def web_address(value: Json, name: str) -> str:
    """An http(s) URL with a host; whether that host may be reached is for the engine to say."""
    url = text(value, name).strip()
    scheme, separator, rest = url.partition("://")
    if scheme.lower() not in ("http", "https") or not separator:
        raise wrong_value(name, "must be an http(s) URL")
    _check_url(url, name)
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise wrong_value(name, "is not a valid URL") from error
    if not usable:
        raise wrong_value(name, "is not a valid URL")
    return f"{scheme.lower()}://{rest}"


def source(value: str, kind: MediaType, name: str) -> str:
    """The `src` for a URL, a data URI, bare base64, a vendor's scheme or an upload; raises InvalidRequest (invalid_value)."""
    if isinstance(value, UploadRef):
        _check_length(value, name)
        return str(value)
    value = value.strip()
    head = _SCHEME.match(value[:_LONGEST_HEAD])
    scheme = head[1].lower() if head else ""
    if scheme in ("http", "https"):
        return web_address(value, name)
    if scheme == "data":
        return _data_uri(value, kind, name)
    if scheme in _VENDOR_SCHEMES:
        return _vendor_address(value, scheme, name)
    if scheme or "://" in value[:_LONGEST_HEAD]:
        raise wrong_value(name, "must be an http(s) URL, a data URI, base64 or an uploaded file")
    return _bare(value, kind, name)


def reference(scheme: str, value: Json, name: str) -> str:
    """A `file:<id>` or `task:<id>`."""
    identifier = str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value, name).strip()
    if not identifier or len(identifier) > 512 or _BAD_IN_URL.search(identifier):
        raise wrong_value(name, "is not a valid id")
    return f"{scheme}:{identifier}"


def _vendor_address(value: str, scheme: str, name: str) -> str:
    _check_url(value, name)
    rest = value[len(scheme) :]
    if not rest.startswith("://") or len(rest) == 3:
        raise wrong_value(name, f"must name something after {scheme}://")
    return scheme + rest


def _check_url(url: str, name: str) -> None:
    _check_length(url, name)
    if _BAD_IN_URL.search(url):
        raise wrong_value(name, "holds blanks or control characters")


def _check_length(url: str, name: str) -> None:
    if len(url) > LONGEST_URL:
        raise wrong_value(name, f"is longer than {LONGEST_URL} characters")


def _data_uri(value: str, kind: MediaType, name: str) -> str:
    head = _DATA_HEAD.match(value[:_LONGEST_HEAD])
    if head is None:
        raise wrong_value(name, "must be a data URI of the form data:<type>;base64,<data>")
    claimed = (head[1] or "").lower().replace("image/jpg", "image/jpeg")
    payload = value[head.end() :]
    canonical = _canonical(payload, name)
    mime = _mime(canonical, kind, name, claimed)
    prefix = f"data:{mime};base64,"
    return value if canonical is payload and head[0] == prefix else prefix + canonical


def _bare(value: str, kind: MediaType, name: str) -> str:
    canonical = _canonical(value, name)
    return f"data:{_mime(canonical, kind, name, '')};base64,{canonical}"


def _canonical(payload: str, name: str) -> str:
    """The payload in the standard alphabet, without blanks, padded; itself (no copy) when it is that already."""
    if any(blank in payload for blank in _BLANKS):
        payload = "".join(payload.split())
    if "-" in payload or "_" in payload:
        payload = payload.translate(_URL_SAFE)
    if len(payload) % 4:
        payload = payload.rstrip("=")
        payload += "=" * (-len(payload) % 4)
    try:
        decoded = pybase64.b64decode(payload, validate=True)
    except ValueError as error:
        raise wrong_value(name, "is neither a URL nor valid base64") from error
    if not decoded:
        raise wrong_value(name, "holds no data")
    return payload


def _mime(payload: str, kind: MediaType, name: str, claimed: str) -> str:
    """The MIME type by the first bytes, else the claimed one; raises InvalidRequest when it is not of the kind wanted."""
    mime = sniff(binascii.a2b_base64(payload[:_PREFIX]), kind) or claimed
    if mime.partition("/")[0] != kind.value:
        raise wrong_value(name, f"does not hold {'an' if kind is not MediaType.VIDEO else 'a'} {kind.value} of a known format")
    return mime

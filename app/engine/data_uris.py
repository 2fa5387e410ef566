"""Reads `data:` URIs."""

import binascii
import re
from urllib.parse import unquote_to_bytes

import pybase64

_HEAD = re.compile(r"data:([^,]*),", re.IGNORECASE)


def decode(uri: str) -> tuple[bytes, str | None]:
    """The bytes and the declared media type; raises ValueError for what is none."""
    head = _HEAD.match(uri)
    if head is None:
        raise ValueError("is not a data URI")
    mime, *options = head[1].lower().split(";")
    text = uri[head.end() :]
    if "base64" not in (option.strip() for option in options):
        return unquote_to_bytes(text), mime.strip() or None
    # url-safe alphabet and missing padding are common enough to be read
    plain = text.strip().translate(_STANDARD).rstrip("=")
    try:
        return pybase64.b64decode(plain + "=" * (-len(plain) % 4), validate=True), mime.strip() or None
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not valid base64") from error


_STANDARD = str.maketrans("-_", "+/", "\r\n\t ")

"""Media as DashScope takes them: public links, data URIs and its own `oss://` files."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from app.adapters._fields import link
from app.domain.errors import InputRefused
from app.domain.media import Form, Media

_RESOLVE = {"X-DashScope-OssResourceResolve": "enable"}


def source(item: Media) -> str:
    """The medium as one string. Links go byte for byte, save that what is not ASCII is percent-encoded, as the vendor wants it."""
    if item.data is not None:
        return link(item)
    scheme, separator, rest = item.src.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host + slash + "".join(sign if sign.isascii() else quote(sign) for sign in path)


def check_media(media: Iterable[Media]) -> None:
    """Raises InputRefused for a scheme of another vendor."""
    for item in media:
        if item.form is Form.VERBATIM and item.scheme != "oss":
            raise InputRefused(
                f"DashScope knows links and oss:// files, not {item.scheme}: ones.", param=item.param, code="unsupported_input"
            )


def resolving(media: Iterable[Media]) -> Mapping[str, str]:
    """The header without which the vendor does not open its own `oss://` files."""
    return _RESOLVE if any(item.form is Form.VERBATIM for item in media) else {}

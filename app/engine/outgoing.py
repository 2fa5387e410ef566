"""Writes a `Call` down for the wire: JSON, multipart or raw bytes, and the URL byte for byte."""

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlencode

import httpx
import orjson

from app.adapters.base import Call, FilePart, FormField
from app.domain.replacing import quick
from app.engine.urls import URL_LIMIT, is_absolute, parted, raw_target

PIECE = 256 * 1024  # bytes written at a time
_ONE_WRITE = 1024 * 1024  # larger bodies go out in pieces, so that the loop can breathe


class Unsendable(ValueError):
    """The call cannot be put on the wire: a broken URL, a header with a line break, a value that JSON lacks."""


class Pieces(httpx.AsyncByteStream):
    """A body made of parts that are sent without being joined; it can be read again."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            if len(part) <= PIECE:
                yield part
                continue
            for start in range(0, len(part), PIECE):
                yield part[start : start + PIECE]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a URL leads: `host` is its name to tell people, `authority` is as it stands in the URL on the wire (ASCII)."""

    scheme: str
    host: str
    authority: str


@quick
@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes out.

    `url` is as it was given, `target` is path and query of it as the adapter wrote them, because links with signatures break
    when they are encoded anew; `connect` bounds name lookup, connect and TLS together, in seconds.
    """

    method: str
    url: str
    origin: Origin
    target: str
    headers: Mapping[str, str]
    parts: Sequence[bytes]
    connect: float

    @property
    def body(self) -> bytes | Pieces:
        """All of it where it is small; else in pieces."""
        if len(self.parts) > 1 or (self.parts and len(self.parts[0]) > _ONE_WRITE):
            return Pieces(self.parts)
        return self.parts[0] if self.parts else b""

    def for_httpx(self) -> httpx.Request:
        """The same as httpx has it."""
        body = self.body
        stream = httpx.ByteStream(body) if isinstance(body, bytes) else body
        extensions = {"timeout": {"connect": self.connect}, "target": self.target.encode()}
        return httpx.Request(self.method, self.url, headers=dict(self.headers), stream=stream, extensions=extensions)


def outgoing(base_url: str, call: Call, connect: float) -> Outgoing:
    """The call as a carrier takes it; raises Unsendable. `call.path` stands alone when it is a whole URL."""
    url, origin, target = _address(base_url, call)
    headers = dict(call.headers)
    given = {name.lower() for name in headers}
    parts, content_type = _body(call)
    if content_type and "content-type" not in given:
        headers["Content-Type"] = content_type
    if "host" not in given:
        headers["Host"] = origin.authority
    _check(headers)
    if parts or call.method in ("POST", "PUT"):
        headers["Content-Length"] = str(sum(map(len, parts)))
    return Outgoing(call.method, url, origin, target, headers, parts, connect)


def _address(base_url: str, call: Call) -> tuple[str, Origin, str]:
    """URL, origin and target."""
    path = call.path
    relative = path.startswith("/") or not is_absolute(path)
    text = base_url.rstrip("/") + path if relative else path
    if call.query:
        added = ("&" if "?" in text else "?") + urlencode(list(call.query), quote_via=quote, safe="")
        text, path = text + added, path + added
    # most paths have the id of a job in them, so that each is new, but nothing that the parser would read otherwise
    if not relative:  # a link: each is new, and leads to one of a few places
        base_url, path = parted(text)
    joined = path.startswith("/") and _goes_as_written(path) and len(text) <= URL_LIMIT
    base = _base(base_url) if joined else None
    return (text, *_parsed(text)) if base is None else (text, base[0], base[1] + path)


def _goes_as_written(text: str) -> bool:
    """Whether a path and query go out as they are written, wherever they stand."""
    return text.isascii() and text.isprintable() and " " not in text and "#" not in text


@lru_cache(maxsize=512)
def _base(url: str) -> tuple[Origin, str] | None:
    """Origin and path of a base URL; None for one to which a path cannot just be added."""
    text = f"{url.rstrip('/')}/"
    if "?" in text or not _goes_as_written(text):
        return None
    try:
        origin, target = _parsed(text)
    except Unsendable:
        return None
    return origin, target.rstrip("/")


@lru_cache(maxsize=512)
def _parsed(text: str) -> tuple[Origin, str]:
    """Origin and target."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise Unsendable("its URL is not valid") from error
    if not url.host:
        raise Unsendable("its URL has no host")
    target = raw_target(text)
    clean = target.isascii() and target.isprintable() and " " not in target
    origin = Origin(url.scheme, url.host, url.netloc.decode("ascii"))
    return origin, target if clean else url.raw_path.decode("ascii")


def _body(call: Call) -> tuple[Sequence[bytes], str | None]:
    if call.json is not None:
        try:
            return (orjson.dumps(call.json, default=_plain),), "application/json"
        except TypeError as error:
            raise Unsendable(f"its body is not JSON ({error})") from error
    if call.form is not None:
        boundary = secrets.token_hex(16)
        return tuple(_multipart(call.form, boundary)), f"multipart/form-data; boundary={boundary}"
    return ((call.raw,), None) if call.raw is not None else ((), None)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _multipart(form: Sequence[FormField], boundary: str) -> Iterator[bytes]:
    for name, value in form:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
        if isinstance(value, FilePart):
            kind = value.content_type.replace("\r", "").replace("\n", "")
            yield f'{head}; filename="{_quoted(value.filename)}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
            yield value.data
            yield b"\r\n"
        else:
            yield f"{head}\r\n\r\n{value}\r\n".encode()
    yield f"--{boundary}--\r\n".encode()


def _quoted(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _check(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (name.isascii() and value.isascii() and name.isprintable() and value.isprintable()):
            raise Unsendable(f"the header {name!r} has a character that headers lack")

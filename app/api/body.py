"""Reads the body of a POST, whatever it is written in: JSON, multipart or urlencoded."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from app.domain.errors import InvalidRequest, UnsupportedBody
from app.domain.json import Json, JsonObject
from app.domain.normalise import UploadRef
from app.domain.normalise.forms import nested

MOST_FILES = 64
MOST_FIELDS = 1000
_LONGEST_FILENAME = 100  # characters that are kept
_JSON = "application/json"
_MULTIPART = "multipart/form-data"
_URLENCODED = "application/x-www-form-urlencoded"
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


@dataclass(frozen=True, slots=True)
class ClientBody:
    """The fields as one JSON object, and the files that its `UploadRef`s stand for; `size` is in bytes."""

    fields: JsonObject
    uploads: Mapping[str, bytes] = field(default_factory=dict)
    size: int = 0


async def read_body(request: Request, max_body: int) -> ClientBody:
    """The body of this request.

    Raises UnsupportedBody for a content type that we do not read, BodyTooLarge above the limit, InvalidRequest for what is
    not what it says.
    """
    kind = _content_type(request)
    if kind == _MULTIPART:
        return await _multipart(request, max_body)
    raw = await request.body()
    if not raw.strip():
        raise InvalidRequest("The request body is empty; a JSON object or a form is needed.")
    # curl -d without a header calls JSON urlencoded; no form begins with a brace
    if kind == _URLENCODED and not raw.lstrip().startswith(b"{"):
        return ClientBody(nested(_pairs(raw)), size=len(raw))
    return ClientBody(_object(raw), size=len(raw))


def _content_type(request: Request) -> str:
    """The media type of the body, JSON where the client says nothing."""
    headers = request.headers
    written = headers.getlist("content-type")
    if len(written) > 1:
        raise UnsupportedBody("The request has more than one Content-Type.")
    if "content-encoding" in headers and headers["content-encoding"].lower() != "identity":
        raise UnsupportedBody("Compressed request bodies are not read.")
    if not written or written[0] == _JSON or not written[0].strip():
        return _JSON
    parsed = Message()
    parsed["content-type"] = written[0]
    kind = parsed.get_content_type()
    if kind.startswith("application/") and kind.endswith("+json"):
        kind = _JSON
    charset = parsed.get_content_charset("utf-8")
    if kind not in (_JSON, _MULTIPART, _URLENCODED) or "/" not in written[0] or charset not in _UTF8:
        raise UnsupportedBody(f"The content type {written[0][:100]!r} is not read; send {_JSON} or {_MULTIPART}, in UTF-8.")
    return kind


def _object(raw: bytes) -> JsonObject:
    try:
        value: Json = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error.msg} (line {error.lineno}).") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    return value


def _pairs(raw: bytes) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise InvalidRequest("The urlencoded request body cannot be read.") from error


async def _multipart(request: Request, max_body: int) -> ClientBody:
    reader = _WholeForm(request, max_body)
    try:
        form = await reader.parse()
    except MultiPartException as error:
        raise InvalidRequest(f"The multipart body cannot be read: {error.message}") from error
    try:
        return await _collected(form)
    finally:
        await form.close()


class _WholeForm(MultiPartParser):
    """Refuses a form without its closing boundary: what was cut off may be the very picture that a paid video starts from."""

    def __init__(self, request: Request, max_body: int) -> None:
        chunks = self._to_the_end(request.stream())
        super().__init__(request.headers, chunks, max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=max_body)
        self._ended = False

    def on_end(self) -> None:
        self._ended = True

    async def _to_the_end(self, chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            yield chunk
        if not self._ended:
            raise MultiPartException("It ends before its closing boundary.")


async def _collected(form: FormData) -> ClientBody:
    parts: list[tuple[str, str]] = []
    uploads: dict[str, bytes] = {}
    size = 0
    for name, part in form.multi_items():
        if isinstance(part, str):
            size += len(part)
            parts.append((name, part))
            continue
        data = await part.read()
        if not data and not part.filename:
            continue  # a file input that was left empty
        reference = UploadRef.of(name, _count(uploads, name), _filename(part.filename))
        uploads[str(reference)] = data
        size += len(data)
        parts.append((name, reference))
    return ClientBody(nested(parts), uploads, size)


def _count(uploads: Mapping[str, bytes], name: str) -> int:
    """How many files of this part name there are already."""
    return sum(known.startswith(f"upload:{name}#") for known in uploads)


def _filename(name: str | None) -> str:
    """The last step of a file name, printable and short: it ends up in vendors' requests."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[-_LONGEST_FILENAME:] or "file"

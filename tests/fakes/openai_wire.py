"""What the fakes of OpenAI-shaped servers share: reading strict bodies, refusing, handing out bytes, words that steer.

Words in a prompt: `[[refuse:<status>:<code>]]` (the create is refused), `[[429:<n>]]` (the first n creates with this prompt are
turned away); the fakes themselves know `[[fail:<code>]]`, `[[hang]]`, `[[html:<n>]]` and say what they mean there.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

REQUEST_ID = "req_00000000000000000000000000000001"
Endpoint = Callable[[Request], Awaitable[Response]]
Envelope = Callable[["Refused"], Response]


class Refused(Exception):
    """An error to answer with."""

    def __init__(self, status: int, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param


def bad(message: str, param: str | None = None, code: str | None = "invalid_value") -> Refused:
    """A 400."""
    return Refused(400, code, message, param)


def envelope(refusal: Refused) -> Response:
    """OpenAI's error body."""
    kind = "server_error" if refusal.status >= 500 else "invalid_request_error"
    error = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}
    headers = {"x-request-id": REQUEST_ID, **({"retry-after": "1"} if refusal.status == 429 else {})}
    return JSONResponse({"error": error}, refusal.status, headers)


def error_page() -> Response:
    """What a proxy in front of a server says."""
    return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded part."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Door:
    """Lets in who shows the key, remembers every call, answers refusals."""

    key: str
    refuse: Envelope = envelope
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path
    turned_away: Counter[str] = field(default_factory=Counter)

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind this door."""

        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                if request.headers.get("authorization") != f"Bearer {self.key}":
                    raise Refused(401, "invalid_api_key", "Incorrect API key provided: sk-te**ey.")
                response = await endpoint(request)
            except Refused as refusal:
                return self.refuse(refusal)
            response.headers.setdefault("x-request-id", REQUEST_ID)
            return response

        return answer

    def turn_away(self, prompt: str) -> None:
        """Refuses the create if its prompt asks for that."""
        refused = re.search(r"\[\[refuse:(\d+):([\w.]+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), refused[2], "Refused as asked.")
        if self.turned_away[prompt] < number_in("429", prompt):
            self.turned_away[prompt] += 1
            raise Refused(429, "rate_limit_exceeded", "Rate limit reached for organization org-0000000000000001.")


def number_in(word: str, prompt: str) -> int:
    """The n of `[[word:n]]`, or 0."""
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0


def failure_in(prompt: str) -> str | None:
    """The code of `[[fail:code]]`."""
    found = re.search(r"\[\[fail:([\w.]+)\]\]", prompt)
    return found[1] if found else None


def is_multipart(request: Request) -> bool:
    """By the content type."""
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON body; null is as good as absent."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(415, "unsupported_media_type", "The body must be JSON.")
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise bad("The body is not JSON.", code=None) from error
    if not isinstance(body, dict):
        raise bad("The body is not an object.", code=None)
    return {name: value for name, value in body.items() if value is not None}


async def read_form(request: Request) -> dict[str, Any]:
    """The parts as an object: bracket names are its structure, `name[]` a list; text parts stay strings."""
    body: dict[str, Any] = {}
    async with request.form(max_part_size=64 * 1024 * 1024) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                put(body, name, File(value.filename or "", value.content_type or "", await value.read()))
            else:
                put(body, name, value)
    return body


def put(body: dict[str, Any], name: str, value: object) -> None:
    """Writes one part; raises Refused for a name given twice."""
    *path, last = [name.partition("[")[0], *re.findall(r"\[([^\]]*)\]", name)]
    if last == "":
        *path, last = path
        place = _inside(body, path)
        place.setdefault(last, []).append(value)
        return
    place = _inside(body, path)
    if last in place:
        raise bad(f"Duplicate parameter: '{name}'.", name, "duplicate_parameter")
    place[last] = value


def _inside(body: dict[str, Any], path: Iterable[str]) -> dict[str, Any]:
    for step in path:
        body = body.setdefault(step, {})
    return body


def only_known(body: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuses what OpenAI refuses: a parameter that it does not know."""
    for name in body:
        if name not in known:
            raise bad(f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def words(body: Mapping[str, Any], name: str, most: int, *, required: bool = False) -> str:
    """A string field; raises Refused otherwise."""
    value = body.get(name, "")
    if name not in body and required:
        raise bad(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    if not isinstance(value, str) or (required and not value) or len(value) > most:
        raise bad(f"Invalid value for '{name}'.", name, "invalid_type" if not isinstance(value, str) else "invalid_value")
    return value


def one_of(body: Mapping[str, Any], name: str, allowed: Iterable[str]) -> None:
    """Refuses another value than these."""
    if name in body and body[name] not in allowed:
        raise bad(f"Invalid value: '{body[name]}'.", name)


def served(request: Request, data: bytes, mime: str) -> Response:
    """Bytes, or the single range of them that was asked for."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"accept-ranges": "bytes", "etag": tag}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if wanted is None or not any(wanted.groups()) or request.headers.get("if-range", tag) != tag:
        return Response(data, 200, headers, mime)
    first, last = wanted.groups()
    start = int(first) if first else max(len(data) - int(last), 0)
    end = min(int(last) if first and last else len(data) - 1, len(data) - 1)
    if start > end:
        return Response(b"", 416, {**headers, "content-range": f"bytes */{len(data)}"})
    return Response(data[start : end + 1], 206, {**headers, "content-range": f"bytes {start}-{end}/{len(data)}"}, mime)

"""What the two Google fakes share: errors as Google writes them, the words in prompts that steer a fake, and its jobs."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
RETRY = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]


class Refused(Exception):
    """An answer that is an error; interactions write `code` as a word."""

    def __init__(self, status: int, message: str, *, word: str | None = None, details: list[Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.word = word or _STATUSES.get(status, "UNKNOWN")
        self.details = details or []

    def answer(self, *, worded: bool = False) -> JSONResponse:
        """The envelope: google.rpc, or the string code of interactions."""
        if worded:
            code = "invalid_request" if self.word == "INVALID_ARGUMENT" else self.word.lower()
            return JSONResponse({"error": {"code": code, "message": self.message}}, self.status)
        error = {"code": self.status, "message": self.message, "status": self.word, "details": self.details}
        return JSONResponse({"error": error}, self.status)


@dataclass(slots=True)
class FakeJob:
    """One operation or interaction; questions move it on."""

    name: str
    owner: str
    model: str
    body: dict[str, Any]
    prompt: str
    polls: int = 0
    html_left: int = 0
    file_polls: int = 0
    cancelled: bool = False


@dataclass(slots=True)
class Turnstile:
    """Turns creates away as their prompts ask: `[[refuse:<status>:<code>]]`, `[[429:<n>]]` (the first n of them)."""

    seen: Counter[str] = field(default_factory=Counter)

    def check(self, prompt: str) -> None:
        """Raises Refused where the prompt asks for it."""
        refused = re.search(r"\[\[refuse:(\d+):(\w+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), "Refused as asked for project 123456789012.", word=refused[2])
        if self.seen[prompt] < number_in("429", prompt):
            self.seen[prompt] += 1
            raise Refused(429, "You exceeded your current quota.", details=RETRY)


def number_in(word: str, prompt: str) -> int:
    """The n of `[[word:n]]`, else 0."""
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0


def proxy_page() -> Response:
    """What a proxy in between answers."""
    return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON body."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, "Invalid JSON payload received.") from error
    if not isinstance(body, dict):
        raise Refused(400, "Invalid JSON payload received.")
    return body


def operation_error(prompt: str) -> dict[str, Any] | None:
    """The google.rpc.Status that `[[fail:<number>]]` asks for."""
    found = re.search(r"\[\[fail:(\d+)\]\]", prompt)
    return {"code": int(found[1]), "message": "Video generation failed as asked."} if found else None


def text_of(body: Mapping[str, Any]) -> str:
    """The prompt of a Veo or Imagen body."""
    return str(body["instances"][0].get("prompt", ""))

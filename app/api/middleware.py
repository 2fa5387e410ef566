"""What surrounds every request: its id, its line in the log, the limit of its body, and the last resort for a fault of ours."""

import logging
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import quote

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_answer, internal_error
from app.domain.errors import BodyTooLarge
from app.logs import request_id
from app.settings import Settings

_log = logging.getLogger(__name__)
_LONGEST_PATH = 200  # characters in a log line
_GONE = 499  # the client left before it was answered


def install(app: FastAPI, settings: Settings) -> None:
    """Puts the middleware around the application."""
    app.add_middleware(RequestFrame, max_body=settings.max_body)


class RequestFrame:
    """Gives each request an id, bounds its body, answers what nobody else caught, and writes one line about it.

    Pure ASGI: streams pass through untouched.
    """

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # a client's own x-request-id is not taken over: whoever reads the log must be able to trust ours
        own = f"req_{secrets.token_hex(12)}"
        token = request_id.set(own)
        answer = _Answer(send, own)
        started = time.perf_counter()
        try:
            await self._guarded(scope, _Bounded(receive, scope, self._max_body), answer)
        finally:
            _write_line(scope, answer.status, own, time.perf_counter() - started)
            request_id.reset(token)

    async def _guarded(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except Exception:  # the outermost border: whatever it was, the client gets an error body of ours
            if answer.status is not None:
                raise  # half an answer is out; only a cut connection tells the client
            _log.exception("unexpected error")
            dangerous = {"x-should-retry": "false"} if scope["method"] == "POST" else None
            await error_answer(internal_error(), dangerous)(scope, receive, answer)


@dataclass(slots=True)
class _Answer:
    """The way out, with the request id on it; `status` is None until the answer starts."""

    send: Send
    id: str
    status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["x-request-id"] = self.id
        await self.send(message)


@dataclass(slots=True)
class _Bounded:
    """The way in, which refuses more than `most` bytes, as announced or as they come."""

    receive: Receive
    scope: Scope
    most: int
    _seen: int = field(default=0)

    async def __call__(self) -> Message:
        if self._seen == 0 and _announced(self.scope) > self.most:
            raise self._refusal()
        message = await self.receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self.most:
            raise self._refusal()
        return message

    def _refusal(self) -> BodyTooLarge:
        return BodyTooLarge(f"The request body is larger than the {self.most // 1024 // 1024} MiB that this gateway takes.")


def _announced(scope: Scope) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(value) if value.isdigit() and len(value) < 20 else 0


def _write_line(scope: Scope, status: int | None, own: str, seconds: float) -> None:
    if not _log.isEnabledFor(logging.INFO):
        return
    path, milliseconds = _path(scope), round(seconds * 1000, 1)
    facts = {
        "method": scope["method"],
        "path": path,
        "status": status or _GONE,
        "milliseconds": milliseconds,
        "key_id": scope.get("state", {}).get("key_id", ""),
        "request_id": own,
    }
    _log.info("%s %s %s %s ms", scope["method"], path, status or _GONE, milliseconds, extra=facts)


def _path(scope: Scope) -> str:
    """The route's template; for a path that no route has, the path itself, which then holds no token of ours."""
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    path: str = scope["path"]
    return "/files/…" if path.startswith("/files/") else quote(path[:_LONGEST_PATH])

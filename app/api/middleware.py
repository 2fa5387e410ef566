"""What surrounds every request: its id, its line in the log, its measure, its body's limit, the last resort for a fault of ours."""

import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_answer, internal_error
from app.domain.errors import BodyTooLarge
from app.engine.metric_table import HTTP_OPEN
from app.engine.metrics import OTHER
from app.engine.spans import Span
from app.engine.telemetry import Telemetry, Trail, trail
from app.logs import request_id
from app.settings import Settings

_log = logging.getLogger(__name__)
_LONGEST_PATH = 200  # characters in a log line
_GONE = 499  # the client left before it was answered
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # others are a client's invention
_DICE = random.SystemRandom()


def install(app: FastAPI, settings: Settings, telemetry: Telemetry | None = None) -> None:
    """Puts the middleware around the application."""
    app.add_middleware(frame(settings, telemetry or Telemetry()))


def frame(settings: Settings, telemetry: Telemetry) -> Callable[[ASGIApp], ASGIApp]:
    """Puts the same around anything else."""
    return partial(RequestFrame, max_body=settings.max_body, sample=settings.access_log_sample, telemetry=telemetry)


class RequestFrame:
    """Gives each request an id, bounds its body, answers what nobody else caught, measures it and writes one line about it.

    Pure ASGI: streams pass through untouched. `sample` is the share of GETs that went well which get a line.
    """

    def __init__(self, app: ASGIApp, *, max_body: int, sample: float, telemetry: Telemetry) -> None:
        self._app = app
        self._max_body = max_body
        self._sample = sample
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # a client's own x-request-id is not taken over: whoever reads the log must be able to trust ours
        own = f"req_{secrets.token_hex(12)}"
        found = Trail()
        tokens = request_id.set(own), trail.set(found)
        answer = _Answer(send, own)
        started = time.perf_counter()
        self._telemetry.metrics.move(HTTP_OPEN, 1)
        with self._telemetry.spans.request(scope["method"], scope["headers"]) as span:
            try:
                await self._guarded(scope, _Bounded(receive, scope, self._max_body), answer)
            finally:
                self._ended(scope, answer, found, span, time.perf_counter() - started)
                request_id.reset(tokens[0])
                trail.reset(tokens[1])

    def _ended(self, scope: Scope, answer: "_Answer", found: Trail, span: Span, seconds: float) -> None:
        status, method, endpoint = answer.status or _GONE, scope["method"], _template(scope) or OTHER
        metrics = self._telemetry.metrics
        metrics.move(HTTP_OPEN, -1)
        metrics.request_ended(method if method in _METHODS else OTHER, endpoint, status, seconds)
        span.name(f"{method} {endpoint}")
        span.tell({"http.response.status_code": status, "filmgate.request_id": answer.id, "filmgate.job_id": found.job_id})
        if method not in ("GET", "HEAD") or status >= 400 or self._sample >= 1 or _DICE.random() < self._sample:
            _write_line(scope, status, answer.id, found.job_id, seconds)

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
            message["headers"] = [*message["headers"], (b"x-request-id", self.id.encode())]
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


def _write_line(scope: Scope, status: int, own: str, job: str, seconds: float) -> None:
    if not _log.isEnabledFor(logging.INFO):
        return
    path, milliseconds = _path(scope), round(seconds * 1000, 1)
    facts = {
        "method": scope["method"],
        "path": path,
        "status": status,
        "milliseconds": milliseconds,
        "key_id": scope.get("state", {}).get("key_id", ""),
        "request_id": own,
        "job_id": job,
    }
    _log.info("%s %s %s %s ms", scope["method"], path, status, milliseconds, extra=facts)


def _template(scope: Scope) -> str | None:
    """The path as its route writes it; None where no route has it."""
    template = getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else None


def _path(scope: Scope) -> str:
    """The route's template; for a path that no route has, the path itself, which then holds no token of ours."""
    template = _template(scope)
    if template is not None:
        return template
    path: str = scope["path"]
    return "/files/…" if path.startswith("/files/") else quote(path[:_LONGEST_PATH])

"""One table: what went wrong -> HTTP status and type, in a body that every kind of client can read (newapi.md §7)."""

from collections.abc import Mapping
from typing import cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.api.answers import json_answer
from app.api.wording import REQUEST_FAULTS, error_text
from app.domain.errors import (
    BodyTooLarge,
    Fault,
    GatewayError,
    InvalidRequest,
    MethodNotAllowed,
    NoChannel,
    NotAllowed,
    NotFound,
    ShuttingDown,
    TooManyRequests,
    Unauthenticated,
    UnsupportedBody,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
)
from app.domain.jobs import Failure, Job
from app.domain.json import Json
from app.engine.failure_text import failure_text
from app.logs import request_id


class JobFailed(GatewayError):
    """The job that a waiting client asked for has failed; the code is the job's."""

    code = "generation_failed"


_REQUEST, _RATE, _SERVER, _UPSTREAM = "invalid_request_error", "rate_limit_error", "server_error", "upstream_error"
TABLE: Mapping[type[GatewayError], tuple[int, str]] = {
    InvalidRequest: (400, _REQUEST),
    Unauthenticated: (401, _REQUEST),
    NotAllowed: (403, "permission_error"),
    NotFound: (404, _REQUEST),
    MethodNotAllowed: (405, _REQUEST),
    BodyTooLarge: (413, _REQUEST),
    UnsupportedBody: (415, _REQUEST),
    TooManyRequests: (429, _RATE),
    NoChannel: (503, _SERVER),
    ShuttingDown: (503, _SERVER),
    UpstreamError: (502, _UPSTREAM),
    JobFailed: (502, _UPSTREAM),
    GatewayError: (500, _SERVER),
}
_REFUSALS: Mapping[Fault, tuple[int, str]] = {
    Fault.REQUEST: (400, _REQUEST),
    Fault.CONTENT: (400, _REQUEST),
    Fault.RATE: (429, _RATE),
}
_OF_STATUS: Mapping[int, type[GatewayError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedBody,
    422: InvalidRequest,
    429: TooManyRequests,
}
_NOT_OFFERED = {  # what OpenAI's own clients may ask for
    "/v1/images/variations": "OpenAI retired variations. POST /v1/images/edits makes a picture from another one.",
    "/v1/videos/characters": "There are no characters here. Many models take reference pictures: POST /v1/videos with `images`.",
}
_TIMEOUTS = frozenset({"upstream_timeout", "deadline_exceeded"})
_LONGEST_WAIT = 60  # seconds; clients of today ignore or refuse longer ones (openai.md §3.6)
_USUAL_WAIT = 10  # seconds, where nobody says how long


HANDLED = (GatewayError, HTTPException)


def install(app: FastAPI) -> None:
    """Makes every error answer of the application the same kind of body."""
    app.add_exception_handler(GatewayError, _on_gateway_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_bad_parameter)


async def handled(request: Request, error: GatewayError | HTTPException) -> Response:
    """The answer for an error that an endpoint raised, or one of those that it asks first."""
    return await (_on_gateway_error if isinstance(error, GatewayError) else _on_http_exception)(request, error)


def error_answer(error: GatewayError, headers: Mapping[str, str] | None = None) -> Response:
    """The whole answer for an error: status, headers and body."""
    status, _ = status_and_type(error)
    return json_answer(error_body(error), status, {**_headers(error, status), **(headers or {})})


def error_body(error: GatewayError) -> dict[str, Json]:
    """The nested form and the flat one, together; plus the id of the job that the error left behind."""
    _, kind = status_and_type(error)
    message = error_text(error) if isinstance(error, UpstreamError) else error.message
    named: dict[str, Json] = {"message": message, "type": kind, "param": error.param, "code": _code(error)}
    body: dict[str, Json] = {"error": named, **named, "data": None, "request_id": request_id.get()}
    return body if error.job_id is None else {**body, "id": error.job_id, "task_id": error.job_id}


def status_and_type(error: GatewayError) -> tuple[int, str]:
    """The HTTP status and the `type` word of an error."""
    if isinstance(error, UpstreamRefused):
        return _REFUSALS.get(error.fault, TABLE[UpstreamError])
    if isinstance(error, UpstreamError | JobFailed) and error.code in _TIMEOUTS:
        return 504, _UPSTREAM
    if isinstance(error, JobFailed) and error.code in REQUEST_FAULTS:
        return 400, _REQUEST
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def repeat_is_dangerous(error: GatewayError) -> bool:
    """Whether the same request again could make a second job: an official client repeats 429 and 5xx unless told not to."""
    if isinstance(error, UpstreamMaybeSent):
        return True
    return error.job_id is not None and not isinstance(error, UpstreamRefused | UpstreamNeverSent)


def job_failed(job: Job) -> JobFailed:
    """What a client hears that waited for this job."""
    failure = failure_of(job)
    return JobFailed(failure_text(failure, job), code=failure.code, job_id=job.id)


def failure_of(job: Job) -> Failure:
    """Why a failed job failed."""
    return job.failure or Failure(JobFailed.code, "The job failed.")


def internal_error() -> GatewayError:
    """What a client hears about a fault of ours."""
    return GatewayError("Something went wrong inside this gateway. Its operator can find it by the request id.")


def _code(error: GatewayError) -> str:
    # that a create timed out matters less than that nobody knows what became of it
    return UpstreamMaybeSent.code if isinstance(error, UpstreamMaybeSent) else error.code


def _headers(error: GatewayError, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.retry_after is not None or status == 429:
        headers["retry-after"] = str(min(max(error.retry_after or _USUAL_WAIT, 1), _LONGEST_WAIT))
    if repeat_is_dangerous(error):
        headers["x-should-retry"] = "false"
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers


async def _on_gateway_error(request: Request, error: Exception) -> Response:
    return error_answer(cast(GatewayError, error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    raised = cast(HTTPException, error)
    if isinstance(raised.__cause__, GatewayError):  # the framework wraps what goes wrong while it reads a body
        return error_answer(raised.__cause__)
    kind = _OF_STATUS.get(raised.status_code, InvalidRequest if raised.status_code < 500 else GatewayError)
    if kind is NotFound:
        return error_answer(NotFound(f"Unknown path: {request.scope['path'][:200]}", code="unknown_path"))
    if kind is MethodNotAllowed:
        if request.method == "POST" and request.scope["path"] in _NOT_OFFERED:  # it only looks like the place of a job
            return error_answer(NotFound(_NOT_OFFERED[request.scope["path"]], code="unknown_path"))
        allowed = ", ".join(_allowed(request.app, request.scope))
        return error_answer(MethodNotAllowed(f"{request.method} is not allowed here; allowed: {allowed}."), {"allow": allowed})
    answer = error_answer(kind(str(raised.detail)), raised.headers)
    answer.status_code = raised.status_code
    return answer


async def _on_bad_parameter(request: Request, error: Exception) -> Response:
    first = cast(RequestValidationError, error).errors()[0]
    place = [str(part) for part in first["loc"][1:]]
    return error_answer(InvalidRequest(str(first["msg"]), param=".".join(place) or None))


def _allowed(app: FastAPI, scope: Scope) -> list[str]:
    """Every method that some route has for this path; the router itself only looks at the first one."""
    methods: set[str] = set()
    for route in app.routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= set(getattr(route, "methods", None) or ())
    return sorted(methods)

"""What MiniMax's error numbers mean, whether in `base_resp` under HTTP 200 or in an `error` object under a real status.

https://platform.minimax.io/docs/api-reference/errorcode (read 2026-11-20).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.adapters._fields import table, text, whole
from app.adapters._minimax_models import Api, api_of
from app.adapters._openai_errors import problem_of as openai_problem_of
from app.adapters._openai_errors import read_error
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError
from app.domain.jobs import Failure, Job
from app.domain.json import Json, JsonObject
from app.domain.media import Role
from app.domain.requests import ImageRequest, Request

# 1000, 1001 (timeout), 1013, 1024 and 1033 are left out: each says that something broke inside, not that nothing was made
_CODES: Mapping[str, Fault] = {
    "1002": Fault.RATE,
    "1004": Fault.CREDENTIAL,
    "1008": Fault.BALANCE,
    "1026": Fault.CONTENT,
    "1027": Fault.CONTENT,
    "1039": Fault.RATE,
    "1041": Fault.RATE,
    "1042": Fault.REQUEST,
    "2013": Fault.REQUEST,
    "2038": Fault.CREDENTIAL,  # China: the account's owner has not shown who he is
    "2045": Fault.RATE,
    "2049": Fault.CREDENTIAL,
    "2056": Fault.BALANCE,  # the plan's window of five hours is used up; another channel may do
}
_TYPES: Mapping[str, Fault] = {
    "bad_request_error": Fault.REQUEST,
    "authorized_error": Fault.CREDENTIAL,
    "authentication_error": Fault.CREDENTIAL,
    "insufficient_balance_error": Fault.BALANCE,
    "unprocessable_entity_error": Fault.CONTENT,
    "rate_limit_error": Fault.RATE,
    "overloaded_error": Fault.OVERLOADED,
}
_NUMBER = re.compile(r"\s*\((\d{4,5})\)\s*$")
_HANDLE = re.compile(r"[\s,;(]*\b(?:trace|request|group)[ _-]?id\b\s*[:=]?\s*[\w-]*\d[\w-]*\)?", re.IGNORECASE)
# newer tasks are said to be unknown by a 400 after their seven days, and by a 500 in practice
_UNKNOWN_TASK = re.compile(r"record not found|invalid task[ _]?id|task[ _]?id .*not (?:exist|found)", re.IGNORECASE)
_FIELD = re.compile(
    r"\b(?:content\[(?P<place>\d{1,3})\]|(?P<name>first_frame_image|last_frame_image|subject_reference|image_file|aspect_ratio|"
    r"resolution|duration|prompt|ratio|model|width|height|size|seed|n))(?![\w])"
)
_MEDIA_FIELDS: Mapping[str, tuple[Role, ...]] = {
    "first_frame_image": (Role.FIRST_FRAME,),
    "last_frame_image": (Role.LAST_FRAME,),
    "subject_reference": (Role.REFERENCE_IMAGE, Role.IMAGE),
    "image_file": (Role.IMAGE,),
}
_OUR_NAMES = {"ratio": "aspect_ratio", "size": "width"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What an answer complains of: the vendor's number or word, its kind of error, its message."""

    code: str
    kind: str = ""
    message: str = ""
    request_id: str | None = None


def problem_of(answer: JsonObject) -> Problem | None:
    """The complaint in an answer, of either envelope; None where there is none."""
    base = table(answer.get("base_resp"))
    number = whole(base.get("status_code"))
    if number:
        message, _ = _split(text(base.get("status_msg")) or "")
        return Problem(str(number), message=message)
    return problem_said(answer.get("error"), text(answer.get("request_id"))) if answer.get("error") else None


def problem_said(error: Json, request_id: str | None = None) -> Problem:
    """An `error` object: of a refusal (its number stands at the message's end) or of a failed task (`code`)."""
    found = table(error)
    message, number = _split(text(found.get("message")) or text(error) or "")
    kind = text(found.get("type")) or ""
    return Problem(text(found.get("code")) or number or kind, kind, message, request_id)


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """The error to raise for an answer that complains, whatever its HTTP status."""
    problem = problem_of(table(reply.json)) or Problem("")
    fault = _fault(job, reply, problem)
    if fault is None and job is not None and api_of(job) is Api.OPENAI and openai_problem_of(reply.json).code:
        return read_error(job, reply)
    return error_by_status(
        reply,
        problem.message or None,
        upstream_code=problem.code or None,
        fault=fault,
        param=None if job is None or fault is not Fault.REQUEST else _client_param(job.request, problem.message),
        request_id=reply.headers.get("trace-id") or problem.request_id,
    )


def failure_of(problem: Problem | None) -> Failure:
    """Why a film failed, for the client; moderation has the contract's own code."""
    if problem is None:
        return Failure("generation_failed", "The vendor reported a failure and gave no reason.")
    withheld = fault_of(problem) is Fault.CONTENT
    usual = "The vendor's moderation withheld the result." if withheld else "The vendor reported a failure and gave no reason."
    code = "content_policy_violation" if withheld else "generation_failed"
    return Failure(code, problem.message or usual, problem.code or None)


def fault_of(problem: Problem) -> Fault | None:
    """Whose fault it is; None for what leaves open whether something was made."""
    return _CODES.get(problem.code) or _TYPES.get(problem.kind) or _TYPES.get(problem.code)


def _fault(job: Job | None, reply: Reply, problem: Problem) -> Fault | None:
    # a query has no other field that could be wrong than the id
    unknown = reply.status == 404 or problem.code == "2013" or _UNKNOWN_TASK.search(problem.message)
    if unknown and job is not None and job.upstream_id is not None:
        return Fault.NOT_FOUND
    return fault_of(problem)


def _split(message: str) -> tuple[str, str | None]:
    """The message without the vendor's handles and without the number at its end, and that number."""
    clean = _HANDLE.sub("", message).strip()
    found = _NUMBER.search(clean)
    return (clean[: found.start()].strip(), found[1]) if found else (clean, None)


def _client_param(request: Request, message: str) -> str | None:
    """The client's own name for the first field that the message names."""
    found = _FIELD.search(message)
    if found is None:
        return None
    if found["place"] is not None:
        place = int(found["place"]) - 1  # the text comes first
        if 0 <= place < len(request.media):
            return request.media[place].param or None
        return request.client_name("prompt")
    name = found["name"]
    if name in _MEDIA_FIELDS:
        item = request.first(*_MEDIA_FIELDS[name])
        return None if item is None else item.param or None
    canonical = _OUR_NAMES.get(name, name)
    if canonical in ("width", "height") and not isinstance(request, ImageRequest):
        canonical = "resolution"
    return request.client_name(canonical)

"""What an OpenAI-shaped server means by an error, in every envelope that such servers use.

Envelopes: nested `{"error": {…}}`, flat `{"code", "message"}`, `{"detail": [...]}` (FastAPI), `{"error": "text"}`, a bare string.
Codes: OpenAI's and Azure's references, new-api's source, Filmgate's own (read 2026-11-20).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from app.adapters._fields import dig, items, table, text
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent
from app.domain.jobs import Failure, Job
from app.domain.json import Json
from app.domain.media import Role
from app.domain.requests import Request


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error body says; `code` is lower-case, `param` the vendor's own field name."""

    message: str | None = None
    code: str = ""
    param: str | None = None
    request_id: str | None = None


MODERATION = frozenset(
    {
        "moderation_blocked",
        "content_policy_violation",
        "content_filter",
        "contentfilter",
        "content_blocked",
        "content_violation",
        "responsibleaipolicyviolation",
        "safety_violation",
        "input_moderation",
        "output_moderation",
        "sensitive_words_detected",
        "prompt_blocked",
    }
)
UNKNOWN_TASK = frozenset({"task_not_exist", "task_not_found", "video_not_found", "job_not_found"})
_CODES: Mapping[Fault, frozenset[str]] = {
    Fault.CONTENT: MODERATION,
    Fault.CREDENTIAL: frozenset(
        {"invalid_api_key", "invalid_authentication", "account_deactivated", "unsupported_country_region_territory"}
    ),
    Fault.BALANCE: frozenset(
        {
            "insufficient_quota",
            "insufficient_user_quota",
            "insufficient_balance",
            "billing_hard_limit",
            "billing_hard_limit_reached",
            "billing_not_active",
            "quota_exceeded",
            "credit_balance_too_low",
            "pre_consume_token_quota_failed",
        }
    ),
    Fault.MODEL: frozenset(
        {
            "model_not_found",
            "model_not_allowed",
            "model_not_available",
            "model_deprecated",
            "unsupported_model",
            "invalid_model",
            "deploymentnotfound",
        }
    ),
    Fault.RATE: frozenset({"429", "rate_limit_exceeded", "rate_limit_error", "too_many_requests"}),
    Fault.OVERLOADED: frozenset(
        {
            "server_overloaded",
            "engine_overloaded",
            "model_overloaded",
            "overloaded_error",
            "no_available_channel",
            "get_channel_failed",
            "shutting_down",
        }
    ),
}
_FAULTS = {code: fault for fault, codes in _CODES.items() for code in codes}
PASSING = _CODES[Fault.RATE] | _CODES[Fault.OVERLOADED]  # in a poll's answer: no verdict on the job
# words of a relay for "the vendor behind me may have taken it": never to be repeated, whatever the HTTP status
_OPEN_OUTCOME = frozenset({"upstream_outcome_unknown", "upstream_timeout", "do_request_failed"})

_REQUEST_ID = re.compile(r"\s*[(（]?\s*request[ _]id\s*[:：]?\s*((?=[\w-]*\d)[\w-]{6,})(?:\s*[)）])?", re.IGNORECASE)
_PRIVATE = re.compile(r"\b(?:sk-[\w*-]{4,}|(?:org|proj|user|req)[-_][A-Za-z0-9]{16,})")
_SAFETY = re.compile(r"safety system|content[ _]policy|content management policy", re.IGNORECASE)


def read_error(job: Job | None, reply: Reply) -> UpstreamError:
    """The error to raise for a non-2xx answer (or a 2xx one that holds nothing but an error)."""
    problem = problem_of(reply.json)
    request_id = reply.headers.get("x-request-id") or reply.headers.get("x-oneapi-request-id") or problem.request_id
    if problem.code in _OPEN_OUTCOME:
        text_ = problem.message or "The upstream does not know whether its vendor took the job."
        return UpstreamMaybeSent(
            text_, status=reply.status, upstream_code=problem.code, body=reply.excerpt(), request_id=request_id
        )
    return error_by_status(
        reply,
        problem.message,
        upstream_code=problem.code or None,
        fault=_fault(job, reply, problem),
        param=_client_param(job, problem.param),
        request_id=request_id,
    )


def failure_of(problem: Problem) -> Failure:
    """Why a job failed, for the client; moderation has the contract's own code."""
    code = "content_policy_violation" if problem.code in MODERATION else "generation_failed"
    return Failure(code, problem.message or "The vendor reported a failure and gave no reason.", problem.code or None)


def _fault(job: Job | None, reply: Reply, problem: Problem) -> Fault | None:
    polling = job is not None and job.upstream_id is not None
    if polling and (reply.status in (404, 410) or problem.code in UNKNOWN_TASK):
        return Fault.NOT_FOUND
    known = _FAULTS.get(problem.code)
    if known is None and reply.status == 400 and _SAFETY.search(problem.message or ""):
        return Fault.CONTENT
    return known


def problem_of(body: Json) -> Problem:
    """What an error body says, in whichever envelope."""
    if isinstance(body, str):
        return _problem(text(body))
    for key in ("error", "errors", "detail"):
        found = _inner(dig(body, key))
        if found is not None:
            return found
    flat = table(body)
    message = text(flat.get("message")) or text(flat.get("msg")) or text(flat.get("fail_reason"))
    return _problem(message, flat.get("code"), flat.get("param"), flat.get("request_id"))


def _inner(value: Json) -> Problem | None:
    if isinstance(value, str):
        return _problem(text(value))
    if items(value):
        value = items(value)[0]
        if isinstance(value, str):
            return _problem(text(value))
    error = table(value)
    if not error:
        return None
    if "loc" in error:  # FastAPI: {"loc": ["body", "seconds"], "msg": …, "type": …}
        return _problem(text(error.get("msg")), "", dig(error, "loc", len(items(error["loc"])) - 1))
    inner = dig(error, "inner_error", "code") or dig(error, "innererror", "code")
    code = error.get("code")
    if text(code) is None or (text(inner) or "").lower() in MODERATION:
        code = inner or code or error.get("type")
    return _problem(text(error.get("message")), code, error.get("param"), error.get("request_id"))


def _problem(message: str | None, code: Json = None, param: Json = None, request_id: Json = None) -> Problem:
    found = _REQUEST_ID.search(message or "")
    if message is not None:
        message = _PRIVATE.sub("…", _REQUEST_ID.sub("", message)).strip() or None
    return Problem(
        message=None if message is None else message[:1000],
        code=(text(code) or "").lower(),
        param=text(param),
        request_id=text(request_id) or (found[1] if found else None),
    )


def _client_param(job: Job | None, param: str | None) -> str | None:
    """The client's own name of what the vendor calls `param`; None for a field that the client did not write."""
    if job is None or param is None:
        return None
    name = re.split(r"[.\[]", param)[0]
    roles = _MEDIA_FIELDS.get(name)
    if roles is None:
        return _scalar_param(job.request, name)
    media, index = job.request.by_role(*roles), re.search(r"\d+", param)
    place = int(index[0]) if index and int(index[0]) < len(media) else 0
    return media[place].param or None if media else None


def _scalar_param(request: Request, name: str) -> str | None:
    for canonical in _SCALARS.get(name, (name,)):
        if canonical in request.named:
            return request.client_name(canonical)
    known = name in _SCALARS or name in request.vendor or name in {field.name for field in fields(request)}
    return name if known else None


_SCALARS: Mapping[str, tuple[str, ...]] = {
    "model": ("model",),
    "prompt": ("prompt",),
    "seconds": ("duration", "frames"),
    "size": ("width", "height", "resolution", "aspect_ratio"),
    "num_frames": ("frames",),
    "ratio": ("aspect_ratio",),
    "model_name": ("model_variant",),
    "safety_identifier": ("user",),
}
_REFERENCES = (Role.REFERENCE_IMAGE,)
_MEDIA_FIELDS: Mapping[str, tuple[Role, ...]] = {
    "image": (Role.IMAGE, Role.FIRST_FRAME, Role.REFERENCE_IMAGE),
    "images": (Role.IMAGE, Role.FIRST_FRAME, Role.REFERENCE_IMAGE),
    "input_reference": (Role.FIRST_FRAME, Role.REFERENCE_IMAGE),
    "mask": (Role.MASK,),
    "last_frame_image": (Role.LAST_FRAME,),
    "image_tail": (Role.LAST_FRAME,),
    "reference_images": _REFERENCES,
    "video": (Role.SOURCE_VIDEO, Role.REFERENCE_VIDEO),
    "video_id": (Role.SOURCE_VIDEO,),
    "video_url": (Role.SOURCE_VIDEO, Role.REFERENCE_VIDEO),
    "video_urls": (Role.REFERENCE_VIDEO,),
    "audio_urls": (Role.REFERENCE_AUDIO,),
}

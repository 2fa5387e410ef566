"""What Vidu's reasons mean: of a refused create, of a poll and of a failed task."""

import re
from collections.abc import Mapping

from app.adapters._fields import dig, table, text
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent
from app.domain.jobs import Failure, Job
from app.domain.json import Json
from app.domain.media import Role
from app.domain.requests import Request

_REASONS: Mapping[str, Fault] = {
    "BadRequest": Fault.REQUEST,
    "FieldLacking": Fault.REQUEST,
    "FieldUnwanted": Fault.REQUEST,
    "FieldInvalid": Fault.REQUEST,
    "FieldItemCountOutOfRange": Fault.REQUEST,
    "PageSizeOutOfRange": Fault.REQUEST,  # the size, format or shape of a picture
    "ImageDownloadFailure": Fault.REQUEST,
    "ImageFormatInvalid": Fault.REQUEST,
    "CreationNotFound": Fault.REQUEST,  # of a create: the video to lengthen is not there
    "UserCancelled": Fault.REQUEST,
    "TaskPromptPolicyViolation": Fault.CONTENT,
    "AuditSubmitIllegal": Fault.CONTENT,
    "CreationPolicyViolation": Fault.CONTENT,
    "Unauthorized": Fault.CREDENTIAL,
    "Forbidden": Fault.CREDENTIAL,
    "CreditInsufficient": Fault.BALANCE,  # comes with a 400
    "ModelUnavailable": Fault.MODEL,
    "QuotaExceeded": Fault.RATE,  # of running tasks
    "TooManyRequests": Fault.RATE,
    "SystemThrottling": Fault.OVERLOADED,
    "OperationInProcess": Fault.OVERLOADED,
}
_GONE = frozenset({"TaskNotFound", "CreationNotFound", "NotFound"})
_OF_PICTURES = frozenset({"PageSizeOutOfRange", "ImageDownloadFailure", "ImageFormatInvalid"})
_CLIENT_CLOSED = 499  # somebody gave up waiting; what became of the task is open
_SERVER = 500

_FIELD = re.compile(r"\bfields?\b\W*([a-z][a-z0-9_]{0,40})")
_ROLES = {
    "images": (Role.FIRST_FRAME, Role.LAST_FRAME, Role.REFERENCE_IMAGE, Role.IMAGE),
    "videos": (Role.REFERENCE_VIDEO,),
    "video_url": (Role.SOURCE_VIDEO,),
    "video_creation_id": (Role.SOURCE_VIDEO,),
}
_OUR_NAMES = {"audio": "generate_audio"}
_MESSAGES = {
    Fault.CONTENT: "The vendor's moderation refused the prompt, an input or the result.",
    Fault.BALANCE: "The vendor's account is out of credits.",
}


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """A non-2xx answer as an error. Any 404 of a task that the vendor once took means that it is gone."""
    answer = table(reply.json)
    reason, request_id = text(answer.get("reason")), text(dig(answer, "metadata", "trace_id"))
    message = text(answer.get("message"))
    if reply.status == _CLIENT_CLOSED:
        said = message or "The vendor stopped answering."
        return UpstreamMaybeSent(said, status=reply.status, upstream_code=reason, body=reply.excerpt(), request_id=request_id)
    return error_by_status(
        reply,
        message,
        upstream_code=reason,
        fault=_fault(job, reply, reason),
        param=None if job is None else _client_param(job.request, reason, message),
        request_id=request_id,
    )


def fault_of(reason: str | None) -> Fault | None:
    """Whose fault a reason names; None for an unknown one."""
    return _REASONS.get(reason or "")


def failure_of(reason: Json) -> Failure:
    """The `err_code` of a failed task as a reason for the client."""
    code = text(reason)
    fault = fault_of(code)
    if code == "UserCancelled":
        return Failure("cancelled", "The task was cancelled at the vendor.", code)
    if fault is Fault.CONTENT:
        return Failure("content_policy_violation", _MESSAGES[fault], code)
    if fault in _MESSAGES:
        return Failure("generation_failed", _MESSAGES[fault], code)
    return Failure("generation_failed", f"The vendor reported: {code}." if code else "The vendor gave no reason.", code)


def _fault(job: Job | None, reply: Reply, reason: str | None) -> Fault | None:
    """An internal word with a 5xx proves nothing about what was accepted: the status alone counts there."""
    if job is not None and job.upstream_id is not None and (reply.status == 404 or reason in _GONE):
        return Fault.NOT_FOUND
    return fault_of(reason) if reply.status < _SERVER else None


def _client_param(request: Request, reason: str | None, message: str | None) -> str | None:
    """The client's own name for the field that the vendor blames."""
    found = _FIELD.search(message or "")
    field = found[1] if found else "images" if reason in _OF_PICTURES else None
    if reason == "CreationNotFound":
        field = "video_creation_id"
    if field is None:
        return None
    roles = _ROLES.get(field)
    if roles is not None:
        item = request.first(*roles)
        return item.param if item and item.param else field
    return request.client_name(_OUR_NAMES.get(field, field))

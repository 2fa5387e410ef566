"""What DashScope's error codes mean."""

import re
from collections.abc import Mapping

from app.adapters._fields import table, text
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError
from app.domain.jobs import Failure, Job
from app.domain.json import JsonObject

# whole codes first, then the part before the first dot; a 5xx of a code that stands nowhere here leaves the outcome open
_CODES: Mapping[str, Fault] = {
    "InternalError.Algo.InvalidParameter": Fault.REQUEST,
    "AccessDenied.Unpurchased": Fault.MODEL,
    "Model.AccessDenied": Fault.MODEL,
    "Model.NotExist": Fault.MODEL,
    "Workspace.AccessDenied": Fault.CREDENTIAL,
    "AllocationQuota.FreeTierOnly": Fault.BALANCE,
}
_FAMILIES: Mapping[str, Fault] = {
    "InvalidParameter": Fault.REQUEST,
    "BadRequest": Fault.REQUEST,
    "InvalidURL": Fault.REQUEST,
    "InvalidFile": Fault.REQUEST,
    "InvalidImage": Fault.REQUEST,
    "InvalidImageResolution": Fault.REQUEST,
    "InvalidImageFormat": Fault.REQUEST,
    "UnsupportedOperation": Fault.REQUEST,
    "DataInspectionFailed": Fault.CONTENT,
    "CustomRoleBlocked": Fault.CONTENT,
    "IPInfringementSuspect": Fault.CONTENT,
    "FaqRuleBlocked": Fault.CONTENT,
    "Arrearage": Fault.BALANCE,
    "InvalidApiKey": Fault.CREDENTIAL,
    "NOT AUTHORIZED": Fault.CREDENTIAL,
    "AccessDenied": Fault.CREDENTIAL,
    "ModelNotFound": Fault.MODEL,
    "NotFound": Fault.MODEL,
    "Throttling": Fault.RATE,
    "ServiceUnavailable": Fault.OVERLOADED,
    "ModelUnavailable": Fault.OVERLOADED,
    "ModelServingError": Fault.OVERLOADED,
}
# what the same code means when its message says more
_MESSAGES = (
    (re.compile(r"green net check failed", re.IGNORECASE), Fault.CONTENT),
    (re.compile(r"model not exist", re.IGNORECASE), Fault.MODEL),  # comes as InvalidParameter; another region may have it
    (re.compile(r"does not support a?synchronous calls", re.IGNORECASE), Fault.MODEL),
)
_UNREACHABLE = re.compile(r"BadRequest\.InputDownloadFailed|InvalidURL(\.|$)|InvalidParameter\.DataInspection$")
_ABOUT_MEDIA = re.compile(r"InvalidFile|InvalidImage")


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """An answer without the wanted content as an error, whatever its HTTP status. A 404 of a job that was taken: it is gone."""
    envelope = table(reply.json)
    error = envelope if text(envelope.get("code")) else table(envelope.get("error"))  # `error`: the OpenAI-compatible root
    code = text(error.get("code"))
    gone = job is not None and job.upstream_id is not None and reply.status == 404
    return error_by_status(
        reply,
        _message(error),
        upstream_code=code,
        fault=Fault.NOT_FOUND if gone else _fault_of(error),
        param=_blamed(job, code),
        request_id=text(envelope.get("request_id")) or reply.headers.get("x-request-id"),
    )


def failure_of(error: JsonObject) -> Failure:
    """The `code` and `message` of a failed task or picture as a reason for the client."""
    ours = "content_policy_violation" if _fault_of(error) is Fault.CONTENT else "generation_failed"
    return Failure(ours, _message(error) or "The vendor reported a failure and gave no reason.", text(error.get("code")))


def _fault_of(error: JsonObject) -> Fault | None:
    """Whose fault an error is by its code; None for an unknown one."""
    message = text(error.get("message")) or ""
    said = next((fault for pattern, fault in _MESSAGES if pattern.search(message)), None)
    code = text(error.get("code")) or ""
    return said or _CODES.get(code) or _FAMILIES.get(code.partition(".")[0])


def _message(error: JsonObject) -> str | None:
    message = text(error.get("message"))
    if not _UNREACHABLE.match(text(error.get("code")) or ""):
        return message
    return f"The vendor could not fetch an input from its URL. {message or ''}".strip()


def _blamed(job: Job | None, code: str | None) -> str | None:
    """The client's name of its first medium, for errors that can only be about media."""
    if job is None or code is None or not job.request.media:
        return None
    return job.request.media[0].param if _UNREACHABLE.match(code) or _ABOUT_MEDIA.match(code) else None

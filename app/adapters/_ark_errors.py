"""What Ark's error codes mean, and its messages without request ids and account ids."""

import re
from collections.abc import Mapping

from app.adapters._ark_bodies import content_media
from app.adapters._fields import table, text
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError
from app.domain.jobs import Failure, Job
from app.domain.json import Json
from app.domain.requests import Request, VideoRequest

# whole codes first, then the part before the first dot
_CODES: Mapping[str, Fault] = {
    "OperationDenied.ServiceOverdue": Fault.BALANCE,
    "OperationDenied.ServiceNotOpen": Fault.MODEL,
}
_FAMILIES: Mapping[str, Fault] = {
    "MissingParameter": Fault.REQUEST,
    "InvalidParameter": Fault.REQUEST,
    "InvalidImageURL": Fault.REQUEST,
    "InvalidArgumentError": Fault.REQUEST,
    "InvalidAction": Fault.REQUEST,
    "AuthenticationError": Fault.CREDENTIAL,
    "InvalidAccountStatus": Fault.CREDENTIAL,
    "AccessDenied": Fault.CREDENTIAL,
    "OperationDenied": Fault.CREDENTIAL,
    "InvalidSubscription": Fault.BALANCE,
    "AccountOverdueError": Fault.BALANCE,
    "QuotaExceeded": Fault.BALANCE,  # trial used up, plan window or full queue: another channel may do
    "SetLimitExceeded": Fault.BALANCE,
    "InvalidEndpoint": Fault.MODEL,  # the channel's endpoint is closed; the client cannot help it
    "InvalidEndpointOrModel": Fault.MODEL,
    "ModelNotOpen": Fault.MODEL,
    "UnsupportedModel": Fault.MODEL,
    "NotFound": Fault.MODEL,
    "RateLimitExceeded": Fault.RATE,
    "RequestBurstTooFast": Fault.RATE,
    "InflightBatchsizeExceeded": Fault.RATE,
    "ServerOverloaded": Fault.OVERLOADED,
    # an envelope with this code is the vendor's own no; any other 5xx leaves open whether there is a task
    "InternalServiceError": Fault.OVERLOADED,
}
_MODERATION = re.compile(r"SensitiveContentDetected|RiskDetection|ContentSecurityDetectionError")
_RATE = re.compile(r"RateLimitExceeded$")

_REQUEST_ID = re.compile(r"\s*\(?\brequest[ _-]?id\s*[:=]\s*([\w-]+)\)?\.?", re.IGNORECASE)
_ACCOUNT = re.compile(r"\baccount(?:[ _-]?id)?\s*[:=]?\s*[\[(`'\"]?\s*\d{6,}(?:\s*[\])`'\"])?", re.IGNORECASE)
_NAMES = re.compile(r"\b(?:ep|cgt)-\d[\w-]*")  # endpoint and task ids

_OUR_NAMES = {"ratio": "aspect_ratio", "safety_identifier": "user"}
_CANONICAL = frozenset(
    {
        *("model", "prompt", "size", "resolution", "aspect_ratio", "duration", "frames", "fps", "seed", "camera_fixed"),
        *("generate_audio", "watermark", "user", "response_format", "output_format", "stream"),
    }
)
_PARAMETER = re.compile(r"[a-z][a-z0-9_.\[\]]{0,99}")
_CONTENT_ITEM = re.compile(r"content\[(\d{1,4})\]")


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """A non-2xx answer as an error. Any 404 of a job that the vendor once took means that it is gone (after 7 days)."""
    error = table(table(reply.json).get("error"))
    code = text(error.get("code"))
    message, request_id = scrubbed(text(error.get("message")) or "")
    gone = job is not None and job.upstream_id is not None and reply.status == 404
    return error_by_status(
        reply,
        message or None,
        upstream_code=code,
        fault=Fault.NOT_FOUND if gone else fault_of(code),
        param=None if job is None else _client_param(job.request, text(error.get("param")) or _named_by(code)),
        request_id=request_id or reply.headers.get("x-request-id"),
    )


def fault_of(code: str | None) -> Fault | None:
    """Whose fault an error code names; None for an unknown one."""
    if code is None:
        return None
    if _MODERATION.search(code):
        return Fault.CONTENT
    family = code.partition(".")[0]
    return _CODES.get(code) or _FAMILIES.get(family) or (Fault.RATE if _RATE.search(family) else None)


def failure_of(error: Json) -> Failure:
    """The error object of a failed task or picture as a reason for the client."""
    found = table(error)
    code = text(found.get("code"))
    message, _ = scrubbed(text(found.get("message")) or "")
    ours = "content_policy_violation" if fault_of(code) is Fault.CONTENT else "generation_failed"
    return Failure(ours, message or "The vendor reported a failure and gave no reason.", code)


def scrubbed(message: str) -> tuple[str, str | None]:
    """The message without the vendor's handles, and the request id that stood in it."""
    found = _REQUEST_ID.search(message)
    clean = _ACCOUNT.sub("account", _REQUEST_ID.sub("", message))
    return _NAMES.sub("[id]", clean).strip(), found[1] if found else None


def _named_by(code: str | None) -> str | None:
    """`InvalidParameter.duration` names its parameter; `InvalidParameter.UnsupportedParameter` does not."""
    family, _, rest = (code or "").partition(".")
    return rest if family in ("InvalidParameter", "MissingParameter") and _PARAMETER.fullmatch(rest) else None


def _client_param(request: Request, name: str | None) -> str | None:
    """The client's own name for the field that the vendor blames."""
    if name is None or not _PARAMETER.fullmatch(name):
        return None
    place = _CONTENT_ITEM.match(name)
    if place and isinstance(request, VideoRequest):
        item = content_media(request, int(place[1]))
        return item.param if item else request.client_name("prompt")
    root = name.partition("[")[0].partition(".")[0]
    if root in ("image", "content") and request.media:
        return request.media[0].param or root
    canonical = _OUR_NAMES.get(root, root)
    return request.client_name(canonical) if canonical in _CANONICAL else root

"""What Google's errors mean: google.rpc envelopes, the string codes of interactions, failed operations and token refusals.

https://ai.google.dev/gemini-api/docs/troubleshooting, https://cloud.google.com/apis/design/errors (read 2026-11-20).
"""

import re
from collections.abc import Iterator, Mapping

from app.adapters._fields import dig, items, number, table, text
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent
from app.domain.jobs import Failure, Job
from app.domain.json import Json, JsonObject

CONTENT = "content_policy_violation"
NO_REASON = "The vendor reported a failure and gave no reason."

_WORDS: Mapping[str, Fault] = {
    "INVALID_ARGUMENT": Fault.REQUEST,
    "INVALID_REQUEST": Fault.REQUEST,
    "FAILED_PRECONDITION": Fault.CREDENTIAL,  # the account's region or set-up: another channel may do
    "UNAUTHENTICATED": Fault.CREDENTIAL,
    "PERMISSION_DENIED": Fault.CREDENTIAL,
    "NOT_FOUND": Fault.MODEL,
    "RESOURCE_EXHAUSTED": Fault.RATE,
}
_OPERATION_CODES = {  # google.rpc.Code, as numbers in a finished operation
    1: "CANCELLED",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    13: "INTERNAL",
    14: "UNAVAILABLE",
}
_MODERATED = frozenset({"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "CONTENT_POLICY_VIOLATION"})
_MODERATION = re.compile(
    r"(?:\bSAFETY\b|\bPROHIBITED_CONTENT\b|\bBLOCKLIST\b"
    r"|(?i:support codes?:|usage guidelines|sensitive content|responsible ai|blocked\b.*\bpolic(?:y|ies)|safety (?:filter|polic)))"
)
_BILLING = re.compile(r"\b(?:billing|prepa(?:id|yment))\b", re.IGNORECASE)
_UNKNOWN_INTERACTION = re.compile(r"invalid interaction name", re.IGNORECASE)

_RESOURCE = re.compile(
    r"\bprojects/[\w:.-]+(?:/locations/[\w-]+)?(?:/publishers/google)?(?:/models/([\w.-]+))?(?:/operations/[\w-]+)?"
    r"|\bmodels/([\w.-]+)/operations/[\w-]+"
)
_HANDLES = (
    (re.compile(r"\bproject(?:_number)?(?::|\s+(?:number\s+)?)['\"]?\d{6,}['\"]?"), "project"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.iam)?\.gserviceaccount\.com"), "[account]"),
    (re.compile(r"\bAIza[\w-]{10,}"), "[key]"),
)

_OUR_NAMES = {
    "durationSeconds": "duration",
    "duration": "duration",
    "aspectRatio": "aspect_ratio",
    "aspect_ratio": "aspect_ratio",
    "resolution": "resolution",
    "imageSize": "resolution",
    "sampleImageSize": "resolution",
    "negativePrompt": "negative_prompt",
    "sampleCount": "n",
    "generateAudio": "generate_audio",
    "prompt": "prompt",
    "seed": "seed",
}
_MEDIA = frozenset({"image", "lastFrame", "referenceImages", "video", "inlineData", "bytesBase64Encoded", "mimeType"})
_QUOTED = re.compile(r"[`'\"]([A-Za-z_]{2,40})[`'\"]")


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """A non-2xx answer as an error; a 404 (or an unknown name) of a job that was once accepted means that it is gone."""
    error = _envelope(reply.json)
    word, raw = _word(error), text(error.get("message")) or text(error.get("error_description")) or ""
    message, upstream_code = scrubbed(raw) or None, word or None
    if reply.status == 499:
        # "the caller went away": whether a job was made before that is open
        return UpstreamMaybeSent(
            message or "The call was cancelled.", status=499, upstream_code=upstream_code, body=reply.excerpt()
        )
    found = error_by_status(
        reply,
        message,
        upstream_code=upstream_code,
        fault=_fault(job, reply.status, error, word, raw),
        param=_param(job, error, raw),
        not_accepted=reply.status == 503 and word == "UNAVAILABLE",
    )
    found.retry_after = found.retry_after or _retry_delay(error)
    return found


def operation_failure(error: JsonObject) -> Failure:
    """The google.rpc.Status of a finished operation as a reason for the client."""
    code = number(error.get("code"))
    word = _OPERATION_CODES.get(int(code)) if code is not None else None
    return failure_of(text(error.get("message")), word or text(error.get("code")))


def failure_of(message: str | None, upstream_code: str | None) -> Failure:
    """A failure by its message and code: moderation or anything else."""
    moderated = (upstream_code or "").upper() in _MODERATED or _MODERATION.search(message or "") is not None
    if upstream_code == "CANCELLED":
        return Failure("cancelled", "The job was cancelled at the vendor.", upstream_code)
    return Failure(CONTENT if moderated else "upstream_error", scrubbed(message or "") or NO_REASON, upstream_code)


def withheld(reasons: Json, fallback: str = "The vendor's safety filters withheld the result.") -> Failure:
    """A result that the filters kept back, with the vendor's reasons."""
    told = [reason for reason in (text(item) for item in (items(reasons) or (reasons,))) if reason]
    return Failure(CONTENT, scrubbed(" ".join(told)) or fallback)


def scrubbed(message: str) -> str:
    """The message without project numbers, operation names, service accounts and keys."""
    message = _RESOURCE.sub(lambda found: found[1] or found[2] or "[name]", message)
    for pattern, instead in _HANDLES:
        message = pattern.sub(instead, message)
    return message.strip()


def _envelope(body: Json) -> JsonObject:
    """The error object; front ends may wrap the envelope in a list, the token endpoint answers with a bare word."""
    outer = table(dig(body, 0)) or table(body)
    error = outer.get("error")
    return table(error) or {**outer, "status": error}


def _word(error: JsonObject) -> str:
    """INVALID_ARGUMENT and the like; the string codes of interactions in the same spelling."""
    code = error.get("code")
    return (text(error.get("status")) or (code if isinstance(code, str) and not code.isdigit() else "")).strip().upper()


def _fault(job: Job | None, status: int, error: JsonObject, word: str, message: str) -> Fault | None:
    if job is not None and job.upstream_id is not None and (status == 404 or _UNKNOWN_INTERACTION.search(message)):
        return Fault.NOT_FOUND
    if not 400 <= status < 500:
        return None
    reasons = set(_reasons(error))
    if any(reason.startswith("API_KEY") for reason in reasons):
        return Fault.CREDENTIAL  # a wrong key is a 400 here
    if status in (400, 422) and (_MODERATED & {word, *reasons} or _MODERATION.search(message)):
        return Fault.CONTENT
    if _BILLING.search(message) and (word in ("FAILED_PRECONDITION", "PERMISSION_DENIED") or status == 429):
        return Fault.BALANCE
    return _WORDS.get(word)


def _details(error: JsonObject) -> Iterator[JsonObject]:
    return (table(detail) for detail in items(error.get("details")))


def _reasons(error: JsonObject) -> Iterator[str]:
    return (reason.upper() for reason in (text(detail.get("reason")) for detail in _details(error)) if reason)


def _retry_delay(error: JsonObject) -> int | None:
    """`retryDelay` of google.rpc.RetryInfo, whole seconds rounded up."""
    for detail in _details(error):
        seconds = number((text(detail.get("retryDelay")) or "").removesuffix("s"))
        if seconds is not None and 0 <= seconds < 86_400:
            return -int(-seconds // 1)
    return None


def _param(job: Job | None, error: JsonObject, message: str) -> str | None:
    """The client's own name for the field that the vendor blames, by its details or the first known name in the message."""
    if job is None:
        return None
    fields = [text(dig(violation, "field")) for detail in _details(error) for violation in items(detail.get("fieldViolations"))]
    names = [part for field in fields if field for part in reversed(re.split(r"[.\[\]]+", field))]
    for name in (*names, *_QUOTED.findall(message)):
        if name in _OUR_NAMES:
            return job.request.client_name(_OUR_NAMES[name])
        if name in _MEDIA and job.request.media:
            return job.request.media[0].param or None
    return None

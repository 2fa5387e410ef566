"""What Kling's error codes mean. They count, not the HTTP status: money, permission and real rate limits share 429."""

import re
from collections.abc import Mapping

from app.adapters._fields import table, text
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError
from app.domain.jobs import Failure, Job
from app.domain.json import Json

NO_SUCH_THING = 1203
_CODES: Mapping[int, Fault] = {
    1000: Fault.CREDENTIAL,
    1001: Fault.CREDENTIAL,
    1002: Fault.CREDENTIAL,
    1003: Fault.CREDENTIAL,  # a token is signed for each call, so a clock is wrong
    1004: Fault.CREDENTIAL,
    1100: Fault.CREDENTIAL,
    1101: Fault.BALANCE,
    1102: Fault.BALANCE,
    1103: Fault.MODEL,  # this account may not use the model; another channel may
    1200: Fault.REQUEST,
    1201: Fault.REQUEST,
    1202: Fault.MODEL,  # no such endpoint there: never the client's fault
    NO_SUCH_THING: Fault.MODEL,
    1300: Fault.CONTENT,
    1301: Fault.CONTENT,
    1302: Fault.RATE,
    1303: Fault.RATE,
    1304: Fault.CREDENTIAL,  # the account's list of addresses lacks ours
    5001: Fault.OVERLOADED,  # maintenance
    # 5000 and 5002 leave open whether there is a task
}
_FAMILIES: Mapping[int, Fault] = {10: Fault.CREDENTIAL, 12: Fault.REQUEST}  # by the first two of four digits
# the vendor gives no code for a failed task, and its words vary
_MODERATION = re.compile(r"risk.?control|polic(?:y|ies)|sensitive|moderation|风控|敏感|审核|违规", re.IGNORECASE)
_REQUEST_ID = re.compile(r"\s*[\[(]?\brequest[ _-]?id\s*[:=]\s*([\w-]+)[\])]?\.?", re.IGNORECASE)
_NO_REASON = "The vendor reported a failure and gave no reason."


def code_of(reply: Reply) -> int:
    """The code of the envelope; 0 is fine, and so is none at all."""
    written = text(table(reply.json).get("code")) or ""
    digits = written.removesuffix(".0")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """An envelope with a code, or a non-2xx answer, as an error.

    "No such thing" about a job that the vendor once took means that it is gone.
    """
    envelope, code = table(reply.json), code_of(reply)
    message, named = scrubbed(text(envelope.get("message")) or "")
    known = job is not None and job.upstream_id is not None
    fault = _CODES.get(code) or _FAMILIES.get(code // 100)
    if known and (code == NO_SUCH_THING or (code == 0 and reply.status == 404)):
        fault = Fault.NOT_FOUND
    return error_by_status(
        reply,
        message or None,
        upstream_code=str(code) if code else None,
        fault=fault,
        request_id=text(envelope.get("request_id")) or named,
    )


def failure_of(message: Json) -> Failure:
    """The reason of a failed task; the envelope around it says "SUCCEED" all the same."""
    words, _ = scrubbed(text(message) or "")
    if not words or words.upper() in ("SUCCEED", "SUCCESS"):
        return Failure("generation_failed", _NO_REASON)
    return Failure("content_policy_violation" if _MODERATION.search(words) else "generation_failed", words)


def scrubbed(message: str) -> tuple[str, str | None]:
    """The message without the vendor's handle of the call, and that handle."""
    found = _REQUEST_ID.search(message)
    return _REQUEST_ID.sub("", message).strip(), found[1] if found else None

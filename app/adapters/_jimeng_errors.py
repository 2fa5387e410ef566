"""What Jimeng's codes mean: those of the service, and those of the gateway that stands in front of it."""

import re
from collections.abc import Mapping

from app.adapters._fields import table, text, whole
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError
from app.domain.jobs import Failure, Job

SUCCESS = 10_000
_NO_VERDICT = frozenset({SUCCESS, 50_400, 50_429, 50_430, 50_500, 50_501})  # say nothing about a task that is asked about

_FAULTS: Mapping[int, Fault] = {
    50_215: Fault.REQUEST,
    50_400: Fault.MODEL,  # "access denied": nearly always a model that the account has not opened
    **dict.fromkeys((50_411, 50_412, 50_413, 50_511, 50_512, 50_516, 50_517, 50_518, 50_519), Fault.CONTENT),
    50_429: Fault.RATE,
    50_430: Fault.RATE,
    **dict.fromkeys((50_520, 50_521, 50_522), Fault.OVERLOADED),  # the review itself broke down
    # 50500 and 50501, internal errors, leave open whether there is a task
}
_FRONT_FAULTS: Mapping[str, Fault] = {
    # the words were seen or are the platform's own; the numbers beside them are from memory
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "100010", "InvalidAccessKey", "100009", "InvalidTimestamp", "100006"), Fault.CREDENTIAL
    ),
    **dict.fromkeys(("AccessDenied", "100013", "InvalidCredential", "100025", "InvalidSecurityToken"), Fault.CREDENTIAL),
    **dict.fromkeys(("InvalidActionOrVersion", "100008"), Fault.MODEL),  # the channel's address is another service
    **dict.fromkeys(("FlowLimitExceeded", "100018"), Fault.RATE),
}
_HANDLES = re.compile(r"\bAK[LI][A-Z][\w=-]{8,}|\s*\(?\brequest[ _-]?id\s*[:=]\s*[\w-]+\)?", re.IGNORECASE)


def code_of(reply: Reply) -> int | None:
    """The code that decides; the `status` beside it only repeats it."""
    return whole(table(reply.json).get("code"))


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """An answer that is no success as an error, whatever its HTTP status; 404 to a question means that the task is gone."""
    metadata = table(table(reply.json).get("ResponseMetadata"))
    front = table(metadata.get("Error"))
    if front:
        code, number = text(front.get("Code")), text(front.get("CodeN"))
        fault = _FRONT_FAULTS.get(code or "") or _FRONT_FAULTS.get(number or "")
        message, request_id = front.get("Message"), metadata.get("RequestId")
    else:
        service_code = code_of(reply)
        code, fault = text(service_code), None if service_code is None else _FAULTS.get(service_code)
        message, request_id = table(reply.json).get("message"), table(reply.json).get("request_id")
    gone = job is not None and job.upstream_id is not None and reply.status == 404
    return error_by_status(
        reply,
        scrubbed(text(message) or "") or None,
        upstream_code=code or None,
        fault=Fault.NOT_FOUND if gone else fault,
        request_id=text(request_id),
    )


def verdict_of(reply: Reply) -> Failure | None:
    """Why the task that was asked about failed; None where the answer says nothing of that.

    An answer about a failed task has the HTTP status and body of a refusal. Limits, rights and internal errors only mean
    that this question was not answered, unless the task is said to be done.
    """
    answer, code = table(reply.json), code_of(reply)
    if code is None or code == SUCCESS:
        return None
    done = text(table(answer.get("data")).get("status")) == "done"
    known = code in _FAULTS or reply.status in (200, 400)
    if not done and (code in _NO_VERDICT or not known):
        return None
    ours = "content_policy_violation" if _FAULTS.get(code) is Fault.CONTENT else "generation_failed"
    message = scrubbed(text(answer.get("message")) or "")
    return Failure(ours, message or "The vendor reported a failure and gave no reason.", str(code))


def scrubbed(message: str) -> str:
    """The message without access keys and request ids."""
    return _HANDLES.sub("", message).strip()

"""What clients are told about trouble with a vendor: what helps them, and nothing about channels, accounts or hosts."""

from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent, UpstreamNeverSent, UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Failure, Job
from app.engine.redaction import redact

REQUEST_FAULTS = frozenset({"content_policy_violation", "invalid_request", "cancelled"})  # codes of the client's own making

_UNKNOWN = (
    "The vendor may have taken this job, but its answer never arrived. It is not repeated, because that could make and "
    "charge it twice."
)
_UNREACHABLE = "No vendor of this model could be reached."
_TROUBLE = "The vendor of this model could not serve the request."
_OPERATORS = {
    Fault.CREDENTIAL: "The vendor refused this gateway's credential; its operator has to look at it.",
    Fault.BALANCE: "This gateway's account at the vendor has no balance or quota left; its operator has to look at it.",
    Fault.MODEL: "The vendor does not serve this model to this gateway's account.",
    Fault.OVERLOADED: "The vendor is overloaded or down and did not take the job.",
    Fault.NOT_FOUND: "The vendor no longer knows this job.",
}
_BY_CODE = {"upstream_outcome_unknown": _UNKNOWN, "upstream_unreachable": _UNREACHABLE, "upstream_error": _TROUBLE}


def error_text(error: UpstreamError) -> str:
    """The message of an error body. What a vendor says about the request itself reaches the client, redacted."""
    if isinstance(error, UpstreamRefused):
        return _OPERATORS.get(error.fault) or redact(error.message)
    if isinstance(error, UpstreamNeverSent):
        return _UNREACHABLE
    if isinstance(error, UpstreamMaybeSent):
        return _UNKNOWN
    return redact(error.message) if isinstance(error, UpstreamUnreadable) else _TROUBLE


def failure_text(failure: Failure, job: Job | None = None) -> str:
    """The message of a failed job."""
    text = _BY_CODE.get(failure.code) or redact(failure.message)
    return text.replace(job.upstream_id, job.id) if job and job.upstream_id else text

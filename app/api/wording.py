"""What clients are told about trouble with a vendor: what helps them, and nothing about channels, accounts or hosts."""

from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent, UpstreamNeverSent, UpstreamRefused, UpstreamUnreadable
from app.engine.failure_text import OUTCOME_UNKNOWN, TROUBLE, UNREACHABLE
from app.engine.redaction import redact

REQUEST_FAULTS = frozenset({"content_policy_violation", "invalid_request", "cancelled"})  # codes of the client's own making

_OPERATORS = {
    Fault.CREDENTIAL: "The vendor refused this gateway's credential; its operator has to look at it.",
    Fault.BALANCE: "This gateway's account at the vendor has no balance or quota left; its operator has to look at it.",
    Fault.MODEL: "The vendor does not serve this model to this gateway's account.",
    Fault.OVERLOADED: "The vendor is overloaded or down and did not take the job.",
    Fault.NOT_FOUND: "The vendor no longer knows this job.",
}


def error_text(error: UpstreamError) -> str:
    """The message of an error body. What a vendor says about the request itself reaches the client, redacted."""
    if isinstance(error, UpstreamRefused):
        return _OPERATORS.get(error.fault) or redact(error.message)
    if isinstance(error, UpstreamNeverSent):
        return UNREACHABLE
    if isinstance(error, UpstreamMaybeSent):
        return OUTCOME_UNKNOWN
    return redact(error.message) if isinstance(error, UpstreamUnreadable) else TROUBLE

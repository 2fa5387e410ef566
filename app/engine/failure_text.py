"""What a key's holder is told about a failed job: what helps them, and nothing about channels, accounts or hosts."""

from app.domain.jobs import Failure, Job
from app.engine.redaction import redact

OUTCOME_UNKNOWN = (
    "The vendor may have taken this job, but its answer never arrived. It is not repeated, because that could make and "
    "charge it twice."
)
UNREACHABLE = "No vendor of this model could be reached."
TROUBLE = "The vendor of this model could not serve the request."
_BY_CODE = {"upstream_outcome_unknown": OUTCOME_UNKNOWN, "upstream_unreachable": UNREACHABLE, "upstream_error": TROUBLE}


def failure_text(failure: Failure, job: Job | None = None) -> str:
    """The message of a failed job."""
    text = _BY_CODE.get(failure.code) or redact(failure.message)
    return text.replace(job.upstream_id, job.id) if job and job.upstream_id else text

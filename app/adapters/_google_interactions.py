"""What an interaction says: a video among its steps, a refusal in words, or errors.

https://ai.google.dev/api/interactions-api (read 2026-11-20).
"""

from app.adapters._fields import dig, items, number, table, text, whole
from app.adapters._google_errors import CONTENT, failure_of, scrubbed
from app.adapters._google_media import output_of
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject

STATUSES = {
    "queued": JobStatus.QUEUED,
    "in_progress": JobStatus.IN_PROGRESS,
    "completed": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.FAILED,
    "incomplete": JobStatus.FAILED,
    "budget_exceeded": JobStatus.FAILED,
    # somebody would have to answer, and nobody will
    "requires_action": JobStatus.FAILED,
    "requires_continuation": JobStatus.FAILED,
}
_REASONS = {
    "cancelled": Failure("cancelled", "The job was cancelled at the vendor.", "cancelled"),
    "incomplete": Failure("upstream_error", "The vendor stopped before the video was finished.", "incomplete"),
    "budget_exceeded": Failure("upstream_error", "The vendor stopped at a limit of its account.", "budget_exceeded"),
    "requires_action": Failure("upstream_error", "The vendor asked a question back instead of making a video.", "requires_action"),
    "requires_continuation": Failure(
        "upstream_error", "The vendor wants a further turn before it makes a video.", "requires_continuation"
    ),
}
_MP4 = "video/mp4"


def interaction_snapshot(job: Job, interaction: JsonObject, status: JobStatus) -> Snapshot:
    """An interaction whose status word is known; one that completed in words alone was refused."""
    name = job.upstream_id or text(interaction.get("id"))
    outputs = _videos(interaction) if status is JobStatus.COMPLETED else ()
    if status is JobStatus.COMPLETED and not outputs:
        status = JobStatus.FAILED
    return Snapshot(
        status=status,
        upstream_id=name,
        outputs=outputs,
        failure=_failure(interaction) if status is JobStatus.FAILED else None,
        usage=_usage(interaction) if status.final else None,
    )


def file_state(file: JsonObject) -> str:
    """PROCESSING, ACTIVE or FAILED; a file that does not say is taken to be there."""
    return (text(file.get("state")) or text(dig(file, "file", "state")) or "ACTIVE").upper()


def _videos(interaction: JsonObject) -> tuple[Output, ...]:
    """The last video of the last step that has one; `output_video` is what some clients make of it."""
    for content in reversed([_content(step) for step in items(interaction.get("steps"))]):
        for entry in reversed(content):
            output = output_of(entry, _MP4) if text(table(entry).get("type")) == "video" else None
            if output is not None:
                return (output,)
    output = output_of(interaction.get("output_video"), _MP4)
    return (output,) if output else ()


def _content(step: Json) -> list[Json]:
    found = table(step)
    return list(items(found.get("content"))) if text(found.get("type")) == "model_output" else []


def _failure(interaction: JsonObject) -> Failure:
    steps = [table(step) for step in items(interaction.get("steps"))]
    errors = [table(error) for error in (*items(interaction.get("errors")), interaction.get("error"))]
    errors += [table(step.get("error")) for step in steps]
    for error in errors:
        if error:
            return failure_of(text(error.get("message")), text(error.get("code")) or text(error.get("status")))
    word = (text(interaction.get("status")) or "").lower()
    if word in _REASONS:
        return _REASONS[word]
    said = [text(table(entry).get("text")) for step in steps for entry in _content(step)]
    refusal = scrubbed(" ".join(line for line in said if line))
    if word == "completed" and refusal:
        return Failure(CONTENT, refusal)
    return Failure("upstream_error", "The vendor finished and returned no video.")


def _usage(interaction: JsonObject) -> Usage | None:
    usage = table(interaction.get("usage"))
    if number(usage.get("total_output_tokens")) is None and number(usage.get("total_tokens")) is None:
        return None
    return Usage(
        input_tokens=whole(usage.get("total_input_tokens")),
        output_tokens=whole(usage.get("total_output_tokens")),
        total_tokens=whole(usage.get("total_tokens")),
    )

"""A job as a row, and back; of a private job without its content, which stays in the memory of the process that sends it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import RowMapping

from app.domain.canonical import from_json, to_stored
from app.domain.jobs import Failure, Job, JobStatus, Output, Stage, Usage
from app.domain.json import JsonObject
from app.domain.prices import terms_from_json, terms_to_json
from app.domain.privacy import job_without_content
from app.domain.requests import Notice

Part = TypeVar("Part", Output, Failure, Usage, Notice)

# Columns that are fields of the same name.
_FIXED = ("id", "parent_id", "key_id", "model", "remixed_from", "created_at", "private", "fingerprint", "callback_url", "base_url")
_SENT = ("adapter", "channel_id", "credential_id", "upstream_model", "deadline_at", "reserved")
_MOVING = (
    *("progress", "upstream_id", "updated_at", "accepted_at", "started_at", "completed_at", "expires_at"),
    *("cost", "late_due", "late_at", "copy_due", "copy_tries"),
)
_READ = (*_FIXED, *_SENT, *_MOVING, "number")
_MADE = ("seconds", "resolution", "aspect_ratio", "seed", "fps")
# Inline bytes are never stored: they would bloat the row, and the asset store has them.
_NAMES = {part: tuple(f.name for f in fields(part) if f.name != "data") for part in (Output, Failure, Usage, Notice)}


def new_row(job: Job) -> dict[str, object]:
    """Every column that the job fills."""
    job = _writable(job)
    row = {name: getattr(job, name) for name in _FIXED}
    row["op"] = job.op
    row["asked"] = to_stored(job.asked)
    # The parts of an n > 1 job carry their parent's wishes; the name that the client gave belongs to the parent alone.
    row["client_task_id"] = job.asked.client_task_id if job.parent_id is None else None
    return row | _sent_row(job) | _changed_row(job)


def sent_row(job: Job) -> dict[str, object]:
    """Every column that may change until a vendor has accepted the job."""
    job = _writable(job)
    return _sent_row(job) | _changed_row(job)


def changed_row(job: Job) -> dict[str, object]:
    """Every column that may change during the job's whole life."""
    return _changed_row(_writable(job))


def _sent_row(job: Job) -> dict[str, object]:
    row = {name: getattr(job, name) for name in _SENT}
    row["request"] = to_stored(job.request)
    row["notices"] = _written(job.notices)
    row["settings"] = job.settings or None
    row["terms"] = None if job.terms is None else terms_to_json(job.terms)
    return row


def _changed_row(job: Job) -> dict[str, object]:
    row = {name: getattr(job, name) for name in _MOVING}
    row["status"] = job.status.value
    row["stage"] = job.stage.value
    row["outputs"] = _written(job.outputs)
    row["failure"] = _write(job.failure)
    row["partial_failures"] = _written(job.partial_failures)
    row["usage"] = _write(job.usage)
    row["made"] = {name: value for name in _MADE if (value := getattr(job, name)) is not None} or None
    row["facts"] = job.facts or None
    row["inputs"] = list(job.inputs) or None
    return row


def job_of(row: RowMapping) -> Job:
    """The job that a row holds."""
    return Job(
        **{name: row[name] for name in _READ},
        **{name: value for name, value in (row["made"] or {}).items() if name in _MADE},
        status=JobStatus(row["status"]),
        stage=Stage(row["stage"]),
        asked=from_json(row["asked"]),
        request=from_json(row["request"]),
        outputs=_read(Output, row["outputs"]),
        failure=_read_one(Failure, row["failure"]),
        partial_failures=_read(Failure, row["partial_failures"]),
        usage=_read_one(Usage, row["usage"]),
        notices=_read(Notice, row["notices"]),
        facts=row["facts"] or {},
        settings=row["settings"] or {},
        terms=None if row["terms"] is None else terms_from_json(row["terms"]),
        inputs=tuple(row["inputs"] or ()),
    )


def _writable(job: Job) -> Job:
    return job_without_content(job) if job.private else job


def _write(part: Output | Failure | Usage | Notice | None) -> JsonObject | None:
    if part is None:
        return None
    return {name: value for name in _NAMES[type(part)] if (value := getattr(part, name)) is not None}


def _written(parts: Iterable[Output | Failure | Notice]) -> Sequence[JsonObject | None] | None:
    return [_write(part) for part in parts] or None


def _read_one(kind: type[Part], found: Mapping[str, Any] | None) -> Part | None:
    """Unknown names are left out: during a rolling restart a newer process may have written them."""
    if found is None:
        return None
    return kind(**{name: found[name] for name in _NAMES[kind] if name in found})


def _read(kind: type[Part], found: Sequence[Mapping[str, Any]] | None) -> tuple[Part, ...]:
    return tuple(part for item in found or () if (part := _read_one(kind, item)) is not None)

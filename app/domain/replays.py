"""What lets a client repeat a request without paying twice: the names that requests bear, and the answers they got."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from app.domain.jobs import Job, JobStatus, Stage
from app.domain.json import Json, JsonObject
from app.domain.normalise.values import UploadRef, elements

KEY_LIFE = timedelta(hours=24)  # how long an Idempotency-Key is remembered

_SCALARS = frozenset({str, int, float, bool, type(None)})
_written = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

# Failures of creates that certainly started nothing and may go well the next time; a vendor's refusal of the request itself
# (`invalid_request`, `content_policy_violation`) is an answer, and so is an open outcome.
_STARTED_NOTHING = frozenset(
    {"upstream_unreachable", "upstream_error", "rate_limit_exceeded", "concurrency_limit_exceeded", "interrupted"}
)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that was given and is given again, byte for byte; stored, a large body is the file of ours called `asset`."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)
    asset: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """That a key's request of this name made this job; `fingerprint` tells whether another request is the same.

    Times are aware UTC; `answer` is None as long as there is none.
    """

    key_id: str
    name: str
    fingerprint: str
    job_id: str
    created_at: datetime
    expires_at: datetime | None
    answer: StoredAnswer | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the name is free again."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class ReplayName:
    """What a client calls its request; `lifetime` None means for good."""

    name: str
    lifetime: timedelta | None

    def of(self, job: Job, now: datetime) -> Replay:
        """The name, as that of the request which makes this job now."""
        expires_at = None if self.lifetime is None else now + self.lifetime
        return Replay(job.key_id, self.name, job.fingerprint or "", job.id, now, expires_at)

    @property
    def client_task_id(self) -> str | None:
        """The `external_task_id` that this is the name of, if it is."""
        return self.name.removeprefix("task:") if self.lifetime is None else None


def key_name(key: str) -> ReplayName:
    """The name that an `Idempotency-Key` gives."""
    return ReplayName(f"key:{key}", KEY_LIFE)


def task_name(client_task_id: str) -> ReplayName:
    """The name that an `external_task_id` gives."""
    return ReplayName(f"task:{client_task_id}", None)


def fingerprint(endpoint: str, fields: JsonObject, uploads: Mapping[str, bytes]) -> str:
    """What two requests have in common that mean the same: the endpoint, equal fields, and files of equal content."""
    digests = {reference: sha256(data).hexdigest() for reference, data in uploads.items()}
    return sha256(_written([endpoint, _comparable(fields, digests)]).encode()).hexdigest()


def started_nothing(job: Job, parts: Sequence[Job] = ()) -> bool:
    """Whether a failed job certainly made no vendor work, so that the same request may run again; `parts` if it was split."""
    return all(
        one.status is JobStatus.FAILED
        and one.accepted_at is None
        and one.failure is not None
        and one.failure.code in _STARTED_NOTHING
        for one in parts or (job,)
    )


def handed_over(job: Job, parts: Sequence[Job] = ()) -> bool:
    """Whether a client that asked for a job can be answered: each call was accepted, waits for room, or has ended."""
    return all(one.status.final or one.stage in (Stage.HELD, Stage.ACCEPTED) for one in parts or (job,))


def over(job: Job, parts: Sequence[Job] = ()) -> bool:
    """Whether a client that waits for the result can be answered."""
    return job.status.final


def _comparable(value: Json, digests: Mapping[str, str]) -> Json:
    """The value with each file's digest in its place; how a client calls its file means nothing."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, str):
        return {"upload": digests.get(value)} if isinstance(value, UploadRef) else value
    if isinstance(value, Mapping):
        return {name: _comparable(inner, digests) for name, inner in value.items()}
    items = elements(value)
    return value if items is None else [_comparable(inner, digests) for inner in items]

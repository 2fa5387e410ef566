"""A job: one image or video generation, from accept to outcome, and the only way in which it may change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from app.domain.json import Json
from app.domain.prices import Terms
from app.domain.replacing import quick, replace
from app.domain.requests import Notice, Operation, Request

Variant: TypeAlias = Literal["thumbnail", "spritesheet", "last_frame", "preview"]  # other ways to see a film


class JobStatus(StrEnum):
    """The four words that clients see; no other exists."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether a job in this state never changes again."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


class Stage(StrEnum):
    """How far the job got towards its vendor; decides what a crash may have left behind."""

    WAITING = "waiting"  # committed; certainly nothing was sent, and only its process can send it
    HELD = "held"  # committed with all that is needed to send it; any process sends it when a limit leaves room
    SENDING = "sending"  # committed just before a create leaves; after a crash the outcome is unknown
    ACCEPTED = "accepted"  # the vendor said yes; polled until it ends
    ENDED = "ended"  # the outcome is written


@quick
@dataclass(frozen=True, slots=True)
class Output:
    """One result file: a vendor's link or inline bytes; `asset`, `size` and `sha256` are set once a copy of ours exists.

    `url` may be any URL that the adapter's `build_download` knows how to fetch.
    """

    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    mime: str | None = None
    asset: str | None = None  # our own copy, as the asset store names it
    size: int | None = None  # bytes of that copy
    sha256: str | None = None  # of its bytes, in hex
    format: str | None = None  # the format that the client asked for, once the picture is known to be in it
    part: str | None = None  # the part of a split job that made it
    width: int | None = None
    height: int | None = None
    revised_prompt: str | None = None
    last_frame_url: str | None = None
    thumbnail_url: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Usage:
    """What the vendor says that it made or used; None where it does not say."""

    seconds: float | None = None
    images: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    micros: int | None = None  # what the vendor says that it bills, in micro-dollars


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, for the client: our `code` (CONTRACT §1), a message without secrets, the vendor's own code.

    `billed`: the vendor charges for it all the same.
    """

    code: str
    message: str
    upstream_code: str | None = None
    billed: bool = False


@quick
@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one answer of a vendor says about a job.

    A create answers with `upstream_id` (asynchronous vendors) or with final outputs (synchronous ones).
    `progress` is percent or None when the vendor does not say. `facts` are small strings that the adapter wants to
    find in `job.facts` at its next call (a polling path, a file id). `partial_failures` are results of an n > 1 job
    that the vendor withheld.
    """

    status: JobStatus
    upstream_id: str | None = None
    progress: int | None = None
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    partial_failures: tuple[Failure, ...] = ()
    usage: Usage | None = None
    seconds: float | None = None  # real length, where the vendor reports it
    resolution: str | None = None
    aspect_ratio: str | None = None
    seed: int | None = None
    fps: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One generation. `asked` is what the client wanted, `request` what the model can do of it (adapters read this).

    Times are aware UTC. `upstream_model` is the vendor's name for the model; `settings` are the channel's free
    adapter options; `facts` what earlier answers of the vendor left for later calls.
    """

    id: str
    key_id: str
    parent_id: str | None = None  # set on the parts of an n > 1 job that its vendor makes one by one
    model: str
    asked: Request
    request: Request
    status: JobStatus = JobStatus.QUEUED
    stage: Stage = Stage.WAITING
    progress: int = 0
    adapter: str = ""
    channel_id: str = ""
    credential_id: str = ""
    upstream_model: str = ""
    upstream_id: str | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)
    callback: str | None = None  # where its vendor may tell us of news, while it is being submitted
    facts: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    partial_failures: tuple[Failure, ...] = ()
    usage: Usage | None = None
    notices: tuple[Notice, ...] = ()
    seconds: float | None = None  # effective length, once known
    resolution: str | None = None
    aspect_ratio: str | None = None
    seed: int | None = None
    fps: int | None = None
    remixed_from: str | None = None
    terms: Terms | None = None  # None: never got as far as a channel
    reserved: int = 0  # micro-dollars held for it from its creation on
    cost: int | None = None  # micro-dollars; known when it has ended
    private: bool = False  # its prompt and media are not written down
    fingerprint: str | None = None  # of the client's request, to know it again
    inputs: tuple[str, ...] = ()  # files of ours from which a held job can be sent, by any process
    callback_url: str | None = None  # whom to tell when it has ended
    base_url: str | None = None  # by which its client knows us, where no public address is set
    copy_due: datetime | None = None  # when its results are to be copied to our storage next
    copy_tries: int = 0
    number: int = 0  # the row's number; some clients want an integer id
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    accepted_at: datetime | None = None
    started_at: datetime | None = None  # first seen in progress
    completed_at: datetime | None = None  # when it ended, either way
    expires_at: datetime | None = None  # when the results may be gone
    late_due: datetime | None = None  # ended by its deadline: when its vendor is asked once more
    late_at: datetime | None = None  # when the vendor delivered after all

    @property
    def op(self) -> Operation:
        """`video` or `image`."""
        return self.request.op

    @property
    def delivered_late(self) -> bool:
        """Whether it failed by its deadline and its vendor delivered after all."""
        return self.status is JobStatus.FAILED and self.late_at is not None and bool(self.outputs)


LATE_FIRST = timedelta(minutes=5)  # after the deadline
RESULT_LIFE = timedelta(hours=24)  # how long most vendors keep a result's link alive (vendors' pages, read 2026-11-20)


def advance(job: Job, snapshot: Snapshot, now: datetime) -> Job:
    """The job after one answer of its vendor.

    A final job never changes. Status never goes back (a vendor that says "queued" after "running" is ignored), progress
    never falls and stays below 100 until the end. Facts accumulate. A completion without any output is a failure.
    """
    if job.status.final:
        return job
    status = snapshot.status
    if status is JobStatus.QUEUED and job.status is JobStatus.IN_PROGRESS:
        status = JobStatus.IN_PROGRESS
    failure = snapshot.failure
    if status is JobStatus.COMPLETED and not snapshot.outputs:
        status = JobStatus.FAILED
        failure = (
            failure or _first(snapshot.partial_failures) or Failure("no_output", "The vendor finished and returned no result.")
        )
    if status is JobStatus.FAILED and failure is None:
        failure = Failure("generation_failed", "The vendor reported a failure and gave no reason.")
    started = job.started_at
    if started is None and status is not JobStatus.QUEUED:
        started = now
    changed = replace(
        job,
        status=status,
        stage=Stage.ENDED if status.final else Stage.ACCEPTED,
        progress=_progress(job, status, snapshot.progress),
        upstream_id=snapshot.upstream_id or job.upstream_id,
        facts={**job.facts, **snapshot.facts},
        outputs=snapshot.outputs if status is JobStatus.COMPLETED else (),
        failure=failure if status is JobStatus.FAILED else None,
        partial_failures=snapshot.partial_failures,
        usage=snapshot.usage or job.usage,
        seconds=snapshot.seconds if snapshot.seconds is not None else job.seconds,
        resolution=snapshot.resolution or job.resolution,
        aspect_ratio=snapshot.aspect_ratio or job.aspect_ratio,
        seed=snapshot.seed if snapshot.seed is not None else job.seed,
        fps=snapshot.fps or job.fps,
        accepted_at=job.accepted_at or now,
        started_at=started,
        completed_at=now if status.final else None,
        expires_at=now + RESULT_LIFE if status is JobStatus.COMPLETED else None,
    )
    return job if changed == job else replace(changed, updated_at=now)


def expire(job: Job, now: datetime) -> Job:
    """The job after its deadline. What its vendor accepted is asked about on: it may be delivered after all, and billed."""
    ended = fail(job, Failure("deadline_exceeded", "The job did not end before its deadline."), now)
    return replace(ended, late_due=now + LATE_FIRST) if job.stage is Stage.ACCEPTED and job.upstream_id else ended


def deliver_late(job: Job, snapshot: Snapshot, now: datetime) -> Job:
    """A job that its deadline ended, with what its vendor made of it after all; it stays failed, as its client was told."""
    return replace(
        job,
        facts={**job.facts, **snapshot.facts},
        outputs=snapshot.outputs,
        usage=snapshot.usage or job.usage,
        seconds=snapshot.seconds if snapshot.seconds is not None else job.seconds,
        resolution=snapshot.resolution or job.resolution,
        aspect_ratio=snapshot.aspect_ratio or job.aspect_ratio,
        seed=snapshot.seed if snapshot.seed is not None else job.seed,
        fps=snapshot.fps or job.fps,
        updated_at=now,
        expires_at=now + RESULT_LIFE,
        late_due=None,
        late_at=now,
    )


def gather(parent: Job, parts: Sequence[Job], now: datetime) -> Job:
    """A job that was split into several calls, after one of its parts changed.

    It completes when all parts have ended and at least one brought a result; what the others lack is in
    `partial_failures`. Progress is the mean of the parts.
    """
    if parent.status.final or not parts:
        return parent
    snapshot = Snapshot(status=JobStatus.IN_PROGRESS, progress=sum(part.progress for part in parts) // len(parts))
    if all(part.status is JobStatus.QUEUED for part in parts):
        snapshot = replace(snapshot, status=JobStatus.QUEUED)
    if all(part.status.final for part in parts):
        failures = tuple(failure for part in parts for failure in (part.failure, *part.partial_failures) if failure)
        outputs = tuple(replace(output, part=part.id) for part in parts for output in part.outputs)
        first = next((part for part in parts if part.status is JobStatus.COMPLETED), parts[0])
        snapshot = Snapshot(
            status=JobStatus.COMPLETED if outputs else JobStatus.FAILED,
            outputs=outputs,
            failure=None if outputs else _first(failures),
            partial_failures=failures if outputs else (),
            usage=total_usage(part.usage for part in parts),
            seconds=first.seconds,
            resolution=first.resolution,
            aspect_ratio=first.aspect_ratio,
            seed=first.seed,
            fps=first.fps,
        )
    return advance(parent, snapshot, now)


def total_usage(usages: Iterable[Usage | None]) -> Usage | None:
    """The sum of what several calls used; a figure that nobody gave stays None."""
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None

    def total(figures: list[float | None]) -> float | None:
        given = [figure for figure in figures if figure is not None]
        return sum(given) if given else None

    def whole(figures: list[int | None]) -> int | None:
        given = [figure for figure in figures if figure is not None]
        return sum(given) if given else None

    return Usage(
        seconds=total([usage.seconds for usage in known]),
        images=whole([usage.images for usage in known]),
        input_tokens=whole([usage.input_tokens for usage in known]),
        output_tokens=whole([usage.output_tokens for usage in known]),
        total_tokens=whole([usage.total_tokens for usage in known]),
        micros=whole([usage.micros for usage in known]),
    )


def fail(job: Job, failure: Failure, now: datetime) -> Job:
    """The job ended without its vendor's word: a deadline, an unknown outcome, a refusal everywhere."""
    if job.status.final:
        return job
    return replace(job, status=JobStatus.FAILED, stage=Stage.ENDED, failure=failure, completed_at=now, updated_at=now)


def _first(failures: tuple[Failure, ...]) -> Failure | None:
    return failures[0] if failures else None


def _progress(job: Job, status: JobStatus, reported: int | None) -> int:
    if status is JobStatus.COMPLETED:
        return 100
    if status is JobStatus.FAILED:
        return job.progress
    return max(job.progress, min(reported or 0, 99))

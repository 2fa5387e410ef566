"""Asks vendors how their jobs are doing: one heap of due times, a bounded number of questions per channel at once.

The job table is the truth. A job is polled by the process that holds its lease; a lease is as fresh as its holder's
heartbeat, so that a dead process's jobs are found by one statement and taken over.
"""

import asyncio
import heapq
import itertools
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import SQLAlchemyError

from app.adapters.base import Adapter
from app.adapters.registry import adapters
from app.domain.channels import Channel
from app.domain.errors import UnknownStatus, UpstreamError
from app.domain.jobs import Failure, Job, JobStatus, Snapshot, Stage, advance, expire, fail
from app.domain.pacing import poll_interval
from app.domain.privacy import told_of
from app.domain.retry import GONE_LIMIT, after_poll
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.credentials import Credentials
from app.engine.health import Health
from app.engine.metric_table import LAG, POLL_DELAY
from app.engine.questions import ask_status
from app.engine.records import Recorder
from app.engine.spans import Origin
from app.engine.vendors import Vendors

LANE = 32  # questions to one channel at the same time
_DRAIN = 2.0  # seconds that a shutdown waits for answers to questions
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Tracked:
    """A job being polled, with what its last polls were like."""

    job: Job
    failures: int = 0
    gone: int = 0
    lookups: int = 0
    unsaved: bool = False  # what is known of the job could not be written yet
    unsure: bool = False  # nothing was sent for the job, and nobody knows whether it is stored
    held: Job | None = None  # what the job was before, where it can wait on
    ticket: int = -1  # the only entry of the heap that still counts
    due: float = 0.0  # when the next question is due
    heard: float = 0.0  # since when the vendor may have ended it unnoticed
    origin: Origin | None = None  # what of the request that made it is traced
    busy: bool = False  # a question is waiting or out
    hurried: bool = False  # ask again at once when it is answered


@dataclass(slots=True)
class _Lane:
    """The questions that wait for one channel; a hung vendor fills only its own."""

    waiting: deque[str] = field(default_factory=deque)
    running: int = 0


@dataclass(slots=True)
class Poller:
    """Polls the open jobs of this process until they end. `seconds` is a monotonic clock."""

    recorder: Recorder
    vendors: Vendors
    configuration: Configuration
    credentials: Credentials
    health: Health
    now: Now
    seconds: Callable[[], float]
    _jobs: dict[str, _Tracked] = field(default_factory=dict)
    _heap: list[tuple[float, int, str]] = field(default_factory=list)  # (due, ticket, job id)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _asking: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: bool = False

    def add(self, job: Job, *, unsaved: bool = False) -> None:
        """Starts (or goes on) polling an open job. Jobs that only gather parts are never asked about.

        `unsaved` jobs, whose news could not be written when it came, are written first.
        """
        if self._stopping or not job.channel_id or job.stage is Stage.HELD or (job.status.final and not unsaved):
            return
        self._jobs[job.id] = _Tracked(job, unsaved=unsaved, heard=self.seconds(), origin=self.recorder.telemetry.spans.origin())
        self._schedule(job.id, 0.0 if job.stage is Stage.SENDING else self._interval(job))

    def unsure(self, job: Job, held: Job | None = None) -> None:
        """Ends a job whose commit failed just before it was sent: it may be stored all the same, and only the answer got lost.

        One that was `held` before goes on waiting instead.
        """
        if not self._stopping:
            self._jobs[job.id] = _Tracked(job, unsure=True, held=held)
            self._schedule(job.id, 1.0)

    def hurry(self, job_id: str) -> None:
        """Asks about this job now (a vendor's callback hints at news)."""
        tracked = self._jobs.get(job_id)
        if tracked is None:
            return
        tracked.heard = self.seconds()
        if tracked.busy:
            tracked.hurried = True
        else:
            self._schedule(job_id, 0.0)

    def forget(self, job_id: str) -> None:
        """Stops polling a job that ended otherwise."""
        self._jobs.pop(job_id, None)

    def open_jobs(self) -> int:
        """How many jobs this process is polling."""
        return len(self._jobs)

    def load(self) -> dict[str, tuple[int, int]]:
        """Channel id -> how many questions are out, and how many wait for a slot of the channel's `LANE`."""
        return {channel_id: (lane.running, len(lane.waiting)) for channel_id, lane in self._lanes.items()}

    async def run(self) -> None:
        """Wakes when the next job is due; returns when cancelled."""
        while True:
            self._wake.clear()
            now = self.seconds()
            while self._heap and self._heap[0][0] <= now:
                _, ticket, job_id = heapq.heappop(self._heap)
                self._enqueue(job_id, ticket)
            pause = self._heap[0][0] - now if self._heap else None
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def drain(self) -> None:
        """Takes no more questions and waits a little for those that are out; a question that is cut off costs nothing."""
        self._stopping = True
        self._heap.clear()
        for lane in self._lanes.values():
            lane.waiting.clear()
        if not self._asking:
            return
        _, hung = await asyncio.wait(self._asking, timeout=_DRAIN)
        for task in hung:
            task.cancel()
        if hung:
            await asyncio.wait(hung)

    def _schedule(self, job_id: str, delay: float) -> None:
        tracked = self._jobs.get(job_id)
        if tracked is not None and not self._stopping:
            tracked.ticket, tracked.due = next(self._order), self.seconds() + delay
            heapq.heappush(self._heap, (tracked.due, tracked.ticket, job_id))
            self._wake.set()

    def _interval(self, job: Job) -> float:
        age = (self.now() - (job.accepted_at or job.created_at)).total_seconds()
        return poll_interval(max(age, 0.0), self.recorder.paces.of(job))

    def _enqueue(self, job_id: str, ticket: int) -> None:
        tracked = self._jobs.get(job_id)
        if tracked is not None and tracked.ticket == ticket and not tracked.busy:
            tracked.busy = True
            lane = self._lanes.setdefault(tracked.job.channel_id, _Lane())
            lane.waiting.append(job_id)
            self._pump(lane)

    def _pump(self, lane: _Lane) -> None:
        while lane.waiting and lane.running < LANE:
            lane.running += 1
            task = asyncio.create_task(self._turn(lane.waiting.popleft(), lane))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _turn(self, job_id: str, lane: _Lane) -> None:
        tracked = self._jobs.get(job_id)
        delay = 10.0
        try:
            if tracked is not None:
                with self.recorder.telemetry.work("poll", job_id, tracked.origin):
                    delay = await self._poll(tracked)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("job %s: the database is away: %s", job_id, error)
        except Exception:  # noqa: BLE001  # the engine's loop: a bug in one adapter must not stop the polling of others
            _log.exception("job %s: polling failed unexpectedly", job_id)
        finally:
            lane.running -= 1
            if tracked is not None:
                self._schedule(job_id, 0.0 if tracked.hurried else delay)
                tracked.busy = tracked.hurried = False
            self._pump(lane)

    async def _poll(self, tracked: _Tracked) -> float:
        """Asks once and writes what is new; returns the seconds to the next question."""
        job = tracked.job
        if tracked.unsure:
            return await self._interrupt(tracked)
        if tracked.unsaved:
            await self._write(tracked, job)
            return self._interval(job)
        channel = self.configuration.channel(job.channel_id)
        if channel is None:
            _log.error("job %s: its channel %s is gone from the database", job.id, job.channel_id)
            await self._expire(tracked)
            return 10.0
        asked, metrics = self.seconds(), self.recorder.telemetry.metrics
        metrics.note(POLL_DELAY, asked - tracked.due, channel.name)
        try:
            snapshot = await self._ask(replace(job, settings=channel.settings), channel)
        except UnknownStatus as error:
            _log.warning("job %s: %s", job.id, told_of(job, error).message)
            tracked.failures, tracked.gone = 0, 0
        except UpstreamError as error:
            await self.health.heard(channel, job.credential_id, told_of(job, error), polled=True)
            return await self._trouble(tracked, error)
        else:
            tracked.failures, tracked.gone = 0, 0
            await self.health.heard(channel, job.credential_id, None, polled=True)
            if snapshot is None:
                return await self._not_found(tracked)
            if snapshot.status.final:
                metrics.note(LAG, self.seconds() - tracked.heard, channel.name)
            tracked.heard = asked
            await self._write(tracked, advance(tracked.job, snapshot, self.now()))
        await self._expire(tracked)
        return self._interval(tracked.job)

    async def _interrupt(self, tracked: _Tracked) -> float:
        """Ends the job if it is stored and still where its commit would have left it; a slow commit may show it only later."""
        tracked.lookups += 1
        stored = await self.recorder.job(tracked.job.id)
        if tracked.held is not None:
            if stored is not None and stored.stage is tracked.job.stage:
                await self.recorder.park(tracked.held)
        elif stored is not None:
            await self.recorder.take(fail(stored, INTERRUPTED, self.now()), stage=tracked.job.stage)
        if stored is not None or tracked.lookups >= GONE_LIMIT:
            self.forget(tracked.job.id)
        return 10.0

    async def _ask(self, job: Job, channel: Channel) -> Snapshot | None:
        if job.stage is Stage.SENDING:
            return await self._look_up(job, channel, adapters()[job.adapter])
        with self.recorder.telemetry.upstream(channel, job, "poll"):
            return await ask_status(self.vendors, channel, self.credentials.of(channel, job.credential_id), job)

    async def _look_up(self, job: Job, channel: Channel, adapter: Adapter) -> Snapshot | None:
        call = adapter.build_lookup(job)
        if call is None:
            return None
        with self.recorder.telemetry.upstream(channel, job, "lookup"):
            reply = await self.vendors.ask(channel, self.credentials.of(channel, job.credential_id), call)
            if not reply.ok:
                raise adapter.parse_error(job, reply)
            return adapter.parse_lookup(job, reply)

    async def _trouble(self, tracked: _Tracked, error: UpstreamError) -> float:
        """A poll that brought no news never ends a job, save when the vendor says three times that it has none."""
        after = after_poll(error, tracked.failures, tracked.gone, self._interval(tracked.job))
        if tracked.failures == 0:
            _log.warning("job %s: poll failed (%s), going on", tracked.job.id, told_of(tracked.job, error).message)
        tracked.failures, tracked.gone = tracked.failures + 1, after.gone
        if after.gone >= GONE_LIMIT:
            lost = Failure("upstream_job_lost", "The vendor no longer knows this job.", error.upstream_code)
            never_seen = tracked.job.stage is Stage.SENDING
            await self._write(tracked, fail(tracked.job, UNKNOWN if never_seen else lost, self.now()))
        await self._expire(tracked)
        return after.delay

    async def _not_found(self, tracked: _Tracked) -> float:
        """A create without an answer that the vendor does not have: it was never accepted, or is not visible yet."""
        tracked.lookups += 1
        if tracked.lookups >= GONE_LIMIT or adapters()[tracked.job.adapter].build_lookup(tracked.job) is None:
            await self._write(tracked, fail(tracked.job, UNKNOWN, self.now()))
        return 5.0

    async def _expire(self, tracked: _Tracked) -> None:
        """Ends a job whose deadline has passed; it was asked about one last time."""
        job = tracked.job
        if not job.status.final and self.now() >= job.deadline_at:
            await self._write(tracked, expire(job, self.now()))

    async def _write(self, tracked: _Tracked, job: Job) -> None:
        """Writes a changed job; stops polling it when it ended or somebody else has it."""
        if job == tracked.job and not tracked.unsaved:
            return
        recorded = await self.recorder.record(job)
        tracked.unsaved = False
        if recorded is None or recorded.status.final:
            self.forget(job.id)
        if recorded is not None:
            tracked.job = recorded


UNKNOWN = Failure(
    "upstream_outcome_unknown",
    "The vendor's answer to the create was lost; the job may exist there. It was not sent again.",
)
INTERRUPTED = Failure("interrupted", "The gateway stopped before anything was sent to a vendor; nothing was made.")


def after_takeover(job: Job, now: Now) -> Job:
    """What a job of a dead process is: interrupted before anything left, or still to be asked about."""
    if job.status is JobStatus.QUEUED and job.stage is Stage.WAITING:
        return fail(job, INTERRUPTED, now())
    if job.stage is Stage.SENDING and adapters()[job.adapter].build_lookup(job) is None:
        return fail(job, UNKNOWN, now())
    return job

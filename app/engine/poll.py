"""Polls open jobs: one heap of due times, a bounded number of questions per channel at once.

The job table is the truth. A job is polled by the process that holds its lease; a lease is as fresh as its holder's
heartbeat, so that a dead process's jobs are found by one statement and taken over.
"""

import asyncio
import heapq
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from app.domain.jobs import Job, Stage
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.credentials import Credentials
from app.engine.gathering import Gathering
from app.engine.health import Health
from app.engine.inquiry import PATIENCE, Inquiry
from app.engine.records import Recorder
from app.engine.tracked import Lane, Tracked, Trouble
from app.engine.vendors import Vendors

_DRAIN = 2.0  # seconds that a shutdown waits for answers to questions
_TICK = 0.01  # seconds; what is due within one begins together
_UNWRITTEN = 256  # jobs whose news wait to be written; with more of them nothing is asked until there are less
_log = logging.getLogger(__name__)
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _News:
    """A job that is to be written, and the seconds to its next question; None: as usual."""

    job: Job
    delay: float | None


class Poller:
    """Polls the open jobs of this process until they end. `seconds` is a monotonic clock."""

    def __init__(
        self,
        recorder: Recorder,
        vendors: Vendors,
        configuration: Configuration,
        credentials: Credentials,
        health: Health,
        now: Now,
        seconds: Callable[[], float],
    ) -> None:
        self.recorder = recorder
        self._inquiry = Inquiry(recorder, vendors, configuration, credentials, health, now, seconds)
        self.seconds = seconds
        self._jobs: dict[str, Tracked] = {}
        self._heap: list[tuple[float, str]] = []  # (due, job id); only the entry with the `due` of its job counts
        self._lanes: dict[str, Lane] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering = Gathering()
        self._unwritten = 0
        self._looks = inf  # when `run` is to look again
        self._lost = 0.0  # seconds by which it looked too late, all in all
        self._stopping = False

    def add(self, job: Job, *, unsaved: bool = False, many: bool = False) -> None:
        """Starts (or goes on) polling an open job. Jobs that only gather parts are never asked about.

        `unsaved` jobs, whose news could not be written when it came, are written first. A single job is packed after its first
        question, which comes soon and changes it; of `many`, each is at once.
        """
        if self._stopping or not job.channel_id or job.stage is Stage.HELD or (job.status.final and not unsaved):
            return
        trouble = Trouble(unsaved=True) if unsaved else None
        tracked = self._track(job, trouble, 0.0 if job.stage is Stage.SENDING else self._inquiry.interval(job))
        if many:
            tracked.rest()

    def unsure(self, job: Job, held: Job | None = None) -> None:
        """Ends a job whose commit failed just before it was sent: it may be stored all the same, and only the answer got lost.

        One that was `held` before goes on waiting instead.
        """
        if not self._stopping:
            self._track(job, Trouble(unsure=True, held=held), 1.0)

    def hurry(self, job_id: str) -> None:
        """Asks about this job now (a vendor's callback hints at news)."""
        tracked = self._jobs.get(job_id)
        if tracked is None:
            return
        tracked.heard = self.seconds()
        if tracked.busy:
            tracked.hurried = True
        else:
            self._schedule(job_id, tracked, 0.0)

    def forget(self, job_id: str) -> None:
        """Stops polling a job that ended otherwise."""
        self._jobs.pop(job_id, None)

    def open_jobs(self) -> int:
        """How many jobs this process is polling."""
        return len(self._jobs)

    def load(self) -> dict[str, tuple[int, int, int]]:
        """Channel id -> how many questions are out, how many wait for a slot, and how many slots the channel has."""
        return {channel_id: (lane.running, len(lane.waiting), lane.slots) for channel_id, lane in self._lanes.items()}

    async def run(self) -> None:
        """Wakes when the next job is due; returns when cancelled."""
        while True:
            self._wake.clear()
            now = self.seconds()
            while self._heap and self._heap[0][0] <= now:
                self._enqueue(*heapq.heappop(self._heap))
            pause = self._pause(now)
            self._looks = inf if pause is None else self.seconds() + pause
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._lost, self._looks = self._no_time(), inf

    def _pause(self, now: float) -> float | None:
        """Seconds to the next look; a short time while somebody stands in line, because it shows how busy this process is."""
        if any(lane.waiting for lane in self._lanes.values()):
            return _TICK
        return max(self._heap[0][0] - now, _TICK) if self._heap else None

    def _no_time(self) -> float:
        """Seconds until now in which this process had no time for what was due."""
        return self._lost + max(self.seconds() - self._looks, 0.0)

    async def drain(self) -> None:
        """Takes no more questions and waits a little for those that are out; a question that is cut off costs nothing."""
        self._stopping = True
        self._heap.clear()
        for lane in self._lanes.values():
            lane.waiting.clear()
        self._gathering.go()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN):
                while self._tasks:  # an answer may have to be written by one more
                    await asyncio.wait(self._tasks)
        hung = set(self._tasks)
        for task in hung:
            task.cancel()
        if hung:
            await asyncio.wait(hung)

    def _track(self, job: Job, trouble: Trouble | None, delay: float) -> Tracked:
        lane = self._lanes.setdefault(job.channel_id, Lane())
        tracked = Tracked(job, lane, self.seconds(), trouble=trouble, origin=self.recorder.telemetry.spans.origin())
        self._jobs[job.id] = tracked
        self._schedule(job.id, tracked, delay)
        return tracked

    def _schedule(self, job_id: str, tracked: Tracked, delay: float) -> None:
        if self._jobs.get(job_id) is tracked and not self._stopping:
            tracked.due = self.seconds() + delay
            entry = (tracked.due, job_id)
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:  # else somebody else is due before
                self._wake.set()

    def _enqueue(self, due: float, job_id: str) -> None:
        tracked = self._jobs.get(job_id)
        if tracked is not None and tracked.due == due and not tracked.busy:
            tracked.busy = True
            tracked.lane.waiting.append((job_id, tracked))
            self._fill(tracked.lane)

    def _fill(self, lane: Lane) -> None:
        """Gives every free slot to somebody who waits."""
        while lane.free:
            lane.running += 1
            self._start(self._serve(lane, *lane.waiting.popleft()))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, lane: Lane, job_id: str, tracked: Tracked) -> None:
        """One slot of a lane: asks about this job, and goes on as long as somebody waits for the slot."""
        try:
            await self._turn(job_id, tracked)
            while lane.waiting and lane.running <= lane.slots:
                following = lane.waiting.popleft()
                self._fill(lane)  # there may be more slots than there were
                await self._turn(*following)
        finally:
            lane.running -= 1

    async def _turn(self, job_id: str, tracked: Tracked) -> None:
        """Asks once; what is new is written by a task of its own, because the slot need not wait for the database."""
        if self._jobs.get(job_id) is not tracked:
            return  # it ended otherwise while it stood in line
        with self.recorder.telemetry.work("poll", job_id, tracked.origin):
            began = self.seconds() - self._no_time()
            found = await self._safely(job_id, self._asked(job_id, tracked))
            tracked.lane.took(max(self.seconds() - self._no_time() - began, 0.0))
            if isinstance(found, float):
                self._next(job_id, tracked, found)
            elif self._unwritten < _UNWRITTEN:
                self._start(self._tell(job_id, tracked, found))
            else:
                await self._tell(job_id, tracked, found)

    async def _asked(self, job_id: str, tracked: Tracked) -> float | _News:
        """What is new; without any, the seconds to the next question."""
        job, trouble = tracked.job, tracked.trouble
        if trouble is not None and trouble.unsure:
            if await self._inquiry.interrupted(job, trouble):
                self._forget(job_id, tracked)
            return PATIENCE
        if trouble is not None and trouble.unsaved:
            return _News(job, None)
        after, delay = await self._inquiry.asked(tracked, job)
        if after is job or after == job:
            return self._inquiry.interval(job) if delay is None else delay
        return _News(after, delay)

    async def _tell(self, job_id: str, tracked: Tracked, news: _News) -> None:
        """Has a changed job written, together with others."""
        self._unwritten += 1
        try:
            await self._gathering.turn(urgent=news.job.status.final or self._stopping)
            delay = await self._safely(job_id, self._write(job_id, tracked, news))
        finally:
            self._unwritten -= 1
        self._next(job_id, tracked, delay)

    async def _write(self, job_id: str, tracked: Tracked, news: _News) -> float:
        """Writes a changed job; stops polling it when it ended or somebody else has it."""
        recorded = await self.recorder.record(news.job)
        if tracked.trouble is not None:
            tracked.trouble.unsaved = False
        if recorded is None or recorded.status.final:
            self._forget(job_id, tracked)
            return PATIENCE
        tracked.keep(recorded)
        return self._inquiry.interval(recorded) if news.delay is None else news.delay

    def _next(self, job_id: str, tracked: Tracked, delay: float) -> None:
        tracked.rest()
        self._schedule(job_id, tracked, 0.0 if tracked.hurried else delay)
        tracked.busy = tracked.hurried = False

    def _forget(self, job_id: str, tracked: Tracked) -> None:
        if self._jobs.get(job_id) is tracked:
            del self._jobs[job_id]

    async def _safely(self, job_id: str, work: Coroutine[None, None, _Found]) -> _Found | float:
        """What the work finds; after a failure, the seconds to the next question."""
        try:
            return await work
        except (SQLAlchemyError, OSError) as error:
            _log.warning("job %s: the database is away: %s", job_id, error)
        except Exception:  # noqa: BLE001  # the engine's loop: a bug in one adapter must not stop the polling of others
            _log.exception("job %s: polling failed unexpectedly", job_id)
        return PATIENCE

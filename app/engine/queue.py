"""Sends the jobs that were held back, as soon as a limit leaves room: one of each key in turn, the oldest first.

Every process looks; the database decides who gets a job. Whoever ends a job of its own while others wait looks at once, all
within a second.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.domain.channels import Channel, Key
from app.domain.errors import GatewayError, InvalidRequest, NoChannel, NotAllowed, NotFound
from app.domain.jobs import Failure, Job, Stage, fail
from app.domain.replacing import replace
from app.engine.admission import NoRoom
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.orders import KeptOrder, Orders
from app.engine.planner import Planner
from app.engine.records import Recorder
from app.engine.running import Running
from app.engine.submission import Order
from app.engine.submit import Submitter
from app.store import held as held_store
from app.store import limits
from app.store.database import Database

_INTERVAL = 1.0  # seconds between two looks, when nothing ends here
_EACH, _MOST = 8, 64  # jobs that one look takes: of a key, of all
_log = logging.getLogger(__name__)
_LATE = Failure("deadline_exceeded", "The job waited for a free slot until its deadline.")
_REVOKED = Failure("cancelled", "The key was revoked before the job was sent.")
_LOST = Failure("interrupted", "What the job was to be made from is gone; nothing was sent to a vendor.")


@dataclass(slots=True)
class Queue:
    """The way of held jobs to their vendors. One per process."""

    database: Database
    configuration: Configuration
    planner: Planner
    orders: Orders
    recorder: Recorder
    submitter: Submitter
    running: Running
    now: Now
    _sending: dict[str, "asyncio.Task[Job]"] = field(default_factory=dict)
    _served: dict[str, int] = field(default_factory=dict)  # by key that waits: when it was served last, as a count
    _stopping: bool = False

    async def run(self) -> None:
        """Looks for ever; a database that is away for a while only delays it."""
        some = False
        while not self._stopping:
            try:
                some = await self.look()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("held jobs could not be looked at: %s", error)
            # as long as nothing waits, the end of a job is no news
            await (self.recorder.room if some else self.recorder.waiting).heard(_INTERVAL)

    def stop(self) -> None:
        """Sends nothing more."""
        self._stopping = True

    async def look(self) -> bool:
        """Starts sending every held job that there is room for; whether any waits."""
        waiting = await self.database.ask(lambda connection: held_store.waiting(connection, each=_EACH, limit=_MOST))
        if not waiting:
            return False
        async with self.database.read() as connection:
            expired = await held_store.expired(connection, self.now(), _MOST)
            by_key = await limits.running_by_key(connection)
            by_channel = await limits.running_by_channel(connection)
        for job in expired:
            await self._end(job, _LATE)
        for job in self._fair(waiting, by_key):
            if job.id not in self._sending and not self._stopping and self._takes_room(job, by_key, by_channel):
                self._start(job)
        return True

    def _takes_room(self, job: Job, by_key: dict[str, int], by_channel: dict[str, int]) -> bool:
        """Whether it is worth a try, and then counts it; the transaction that sends the job decides."""
        key = self.configuration.key_by_id(job.key_id)
        if key is None:
            return True  # to be ended
        running = by_key.get(key.id, 0)
        if job.parent_id is None and key.max_concurrency is not None and running >= key.max_concurrency:
            return False
        channels = self.planner.serving(job.model, job.op, key)
        free = next((one for one in channels if _has_room(one, by_channel)), None)
        if channels and free is None:
            return False
        by_key[key.id] = running + 1
        if free is not None:
            by_channel[free.id] = by_channel.get(free.id, 0) + 1
        return True

    def _fair(self, waiting: Sequence[Job], by_key: Mapping[str, int]) -> list[Job]:
        """Keys with fewer running jobs first, then those that were served longest ago; a key's second job counts as if its
        first one ran already.
        """
        self._served = {job.key_id: self._served.get(job.key_id, 0) for job in waiting}
        turns: dict[str, int] = dict(by_key)
        ranked: list[tuple[int, int, int, Job]] = []
        for job in waiting:
            ranked.append((turns.get(job.key_id, 0), self._served[job.key_id], job.number, job))
            turns[job.key_id] = turns.get(job.key_id, 0) + 1
        return [entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:3])]

    def _start(self, job: Job) -> None:
        task = self.running.start(self._send(job))
        self._sending[job.id] = task
        task.add_done_callback(lambda ended: self._sent(job, ended))

    def _sent(self, job: Job, task: "asyncio.Task[Job]") -> None:
        self._sending.pop(job.id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job %s: a held job could not be sent", job.id, exc_info=error)

    async def _send(self, job: Job) -> Job:
        """The job as it then is: sent, ended, or still waiting."""
        key = self.configuration.key_by_id(job.key_id)
        if key is None or not key.valid(self.now()):
            return await self._end(job, _REVOKED)
        try:
            order = await self.orders.load(job.inputs)
        except NotFound:
            return await self._end(job, _LOST)
        try:
            sent = await self.submitter.resume(await self._order(job, key, order), job)
        except (NoRoom, NoChannel):
            return job
        except (InvalidRequest, NotAllowed, NotFound) as error:
            return await self._end(job, Failure(error.code, error.message))
        except GatewayError:
            await self.orders.forget(job.inputs)  # sent and refused: the job says so
            return job
        self._served[job.key_id] = max(self._served.values(), default=0) + 1
        await self.orders.forget(job.inputs)
        return sent

    async def _order(self, job: Job, key: Key, kept: KeptOrder) -> Order:
        asked = await self.submitter.desk.origins.found(kept.asked, key)
        plan = self.planner.plan(asked, kept.notices, key, strict=kept.strict)
        return Order(
            key=key,
            asked=asked,
            plan=plan,
            uploads=kept.uploads,
            lifetime=max(job.deadline_at - self.now(), timedelta()),
            notices=kept.notices,
            strict=kept.strict,
            patient=True,
            private=job.private,
            fingerprint=job.fingerprint,
            remixed_from=job.remixed_from,
        )

    async def _end(self, job: Job, failure: Failure) -> Job:
        """Ends a job that is still held; nobody has sent it."""
        ended = await self.recorder.take(fail(replace(job, inputs=()), failure, self.now()), stage=Stage.HELD)
        await self.orders.forget(job.inputs)
        return ended or job


def _has_room(channel: Channel, by_channel: Mapping[str, int]) -> bool:
    return channel.max_concurrency is None or by_channel.get(channel.id, 0) < channel.max_concurrency

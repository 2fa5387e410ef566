"""Writes what happened to a job: one transaction for the job, its attempt, its parent and what was learned."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.attempts import Attempt
from app.domain.channels import Channel, Key
from app.domain.jobs import Job, JobStatus, Output, Stage, gather
from app.domain.json import JsonObject
from app.domain.money import cost, cost_of_parts
from app.domain.replacing import replace
from app.engine.admission import Entry, affordable, check_channel, check_key, check_queue
from app.engine.aftermath import Aftermath
from app.engine.assets import UNKNOWN_MIME, Assets
from app.engine.clock import Now
from app.engine.paces import Paces
from app.engine.plan import RouteStep
from app.engine.settlement import settle, settle_late
from app.engine.sniff import mime_of
from app.engine.telemetry import Telemetry
from app.engine.watching import Bell, Watching
from app.store import attempts as attempt_store
from app.store import jobs as job_store
from app.store import ledger
from app.store import replays as replay_store
from app.store.database import Database

_PATIENCE = (0.1, 0.5, 2.0, 5.0, 10.0, 20.0, 30.0)  # seconds between tries to write down what a vendor accepted
_log = logging.getLogger(__name__)


class AlreadyMade(Exception):  # not an error: the client asks twice for the same thing
    """The key already has a job of this name (see `domain.replays`); nothing was stored and nothing may be sent."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.asked.client_task_id)


@dataclass(frozen=True, slots=True)
class Recorder:
    """The only writer of jobs. `worker` is this process's name in the leases."""

    database: Database
    assets: Assets
    paces: Paces
    watching: Watching
    aftermath: Aftermath
    room: Bell  # rings when a job has ended, and others may find room
    now: Now
    worker: str
    telemetry: Telemetry = field(default_factory=Telemetry)
    waiting: Bell = field(default_factory=Bell)  # rings when a job of this process begins to wait for room

    async def begin(self, job: Job, attempt: Attempt, route: Sequence[RouteStep], entry: Entry) -> Job:
        """Commits a new job with the money held for it, just before its create leaves.

        Raises AlreadyMade when the client named another job so, NoRoom or NotAllowed (`insufficient_quota`) when a limit or the
        budget leaves no room; then nothing is stored.
        """

        async def begun(connection: AsyncConnection) -> Job:
            await check_key(connection, entry.key)
            if entry.channel is not None:
                await check_channel(connection, entry.channel)
            return await self._insert(connection, job, route, entry, attempt)

        stored = await self.database.commit(begun)
        self.telemetry.job_created(stored)
        return stored

    async def hold(self, job: Job, route: Sequence[RouteStep], entry: Entry) -> Job:
        """Commits a new job that waits for room, with the money held for it; raises as `begin` does."""
        async with self.database.write() as connection:
            await check_queue(connection, entry.key)
            stored = await self._insert(connection, job, route, entry, None, owner=None)
        self.waiting.ring()
        self.telemetry.job_created(stored)
        return stored

    async def begin_parts(
        self, parent: Job, shared: Callable[[Job], list[Job]], route: Sequence[RouteStep], entry: Entry
    ) -> tuple[Job, list[Job]]:
        """Commits a job that is split, with the money held for it and the parts that share it; nothing is sent before."""
        async with self.database.write() as connection:
            await check_key(connection, entry.key)
            stored = await self._insert(connection, parent, route, entry, None)
            parts = shared(stored)
            await self._insert_parts(connection, parts, route)
        self.telemetry.job_created(stored)
        return stored, parts

    async def release_parts(self, parent: Job, parts: Sequence[Job], route: Sequence[RouteStep], key: Key) -> bool:
        """`release` for a job that is split: its parts are sent from now on by this process."""
        async with self.database.write() as connection:
            await check_key(connection, key, was_held=True)
            if not await job_store.release(connection, parent, owner=self.worker):
                return False
            await self._insert_parts(connection, parts, route)
        return True

    async def park(self, part: Job) -> bool:
        """Writes that a part waits for room, and belongs to nobody until there is some; False when it has ended."""
        async with self.database.write() as connection:
            parked = await job_store.park(connection, part, owner=self.worker)
        self.waiting.ring()
        return parked

    async def _insert_parts(self, connection: AsyncConnection, parts: Sequence[Job], route: Sequence[RouteStep]) -> None:
        for part in parts:
            await job_store.insert(connection, part, owner=self.worker, route=_route_json(route))

    async def _insert(
        self,
        connection: AsyncConnection,
        job: Job,
        route: Sequence[RouteStep],
        entry: Entry,
        attempt: Attempt | None,
        *,
        owner: str | None = "",
    ) -> Job:
        now = self.now()
        job = replace(job, reserved=await affordable(connection, entry, job.created_at))
        held_by = self.worker if owner == "" else owner
        stored = await job_store.insert(connection, job, owner=held_by, attempt=attempt, route=_route_json(route))
        if stored is None:
            raise AlreadyMade(job)
        for name in entry.names:
            if not await replay_store.insert(connection, name.of(job, now)):
                raise AlreadyMade(job)
        await ledger.reserve(connection, job, now)
        return stored

    async def job(self, job_id: str) -> Job | None:
        """The job as it is stored, whoever owns it."""
        return await self.database.ask(lambda connection: job_store.get(connection, job_id))

    async def next_attempt(self, job: Job, ended: Attempt | None, attempt: Attempt, channel: Channel) -> bool:
        """Commits that a (further) channel is about to be asked, and how the one before ended.

        False: somebody else ended the job meanwhile (a cancel, a takeover), and nothing may be sent. Raises NoRoom.
        """

        async def written(connection: AsyncConnection) -> bool:
            await check_channel(connection, channel)
            if ended is not None:
                await attempt_store.finish(connection, ended)
            if not await job_store.record(connection, job, owner=self.worker, sending=True):
                return False
            await attempt_store.insert_one(connection, attempt)
            return True

        return await self.database.commit(written)

    async def release(self, job: Job, attempt: Attempt, key: Key, channel: Channel) -> bool:
        """Commits that a job which was held back is about to be sent, from now on by this process.

        False: another process was faster, or the job was cancelled; nothing may be sent. Raises NoRoom.
        """
        async with self.database.write() as connection:
            await check_key(connection, key, was_held=True)
            await check_channel(connection, channel, was_held=True)
            if not await job_store.release(connection, job, owner=self.worker):
                return False
            await attempt_store.insert_one(connection, attempt)
        return True

    async def take(self, job: Job, *, stage: Stage | None = None) -> Job | None:
        """`record` whoever holds the lease: for what a job's owner decides (a cancel). With `stage`, only if it is still there."""
        return await self._write(job, None, owner=None, stage=stage)

    async def record(self, job: Job, attempt: Attempt | None = None) -> Job | None:
        """Writes the job as it now is, compare-and-set; None when somebody else ended it or took it over.

        Inline results become files of ours first. A job that ends is settled, and one that was split is gathered, in the same
        transaction.
        """
        return await self._write(job, attempt, owner=self.worker)

    async def _write(self, job: Job, attempt: Attempt | None, *, owner: str | None, stage: Stage | None = None) -> Job | None:
        kept = await self._keep_outputs(job)
        if kept.status.final:
            kept = self.aftermath.ordered(replace(kept, cost=cost(kept)))

        async def written(connection: AsyncConnection) -> tuple[Job, Job | None] | None:
            if attempt is not None:
                await attempt_store.finish(connection, attempt)
            if not await job_store.record(connection, kept, owner=owner, stage=stage):
                return None
            settled = await settle(connection, kept, self.now())
            await self.aftermath.write(connection, settled)
            return settled, await self._gather(connection, settled)

        found = await self.database.commit(written)
        if found is None:
            return None
        self._tell(*found)
        return found[0]

    async def deliver_late(self, job: Job) -> bool:
        """Writes what a vendor delivered after the deadline, and takes what it cost; False when that was done already."""
        kept = await self._keep_outputs(job)
        kept = self.aftermath.ordered(replace(kept, cost=cost(kept)))
        async with self.database.write() as connection:
            delivered = await settle_late(connection, kept, self.now())
        if delivered:
            self.aftermath.begin(kept)
        return delivered

    async def record_surely(self, job: Job, attempt: Attempt) -> Job | None:
        """`record` for what must not get lost: a vendor's acceptance. Tries for about a minute."""
        for pause in _PATIENCE:
            try:
                return await self.record(job, attempt)
            except (SQLAlchemyError, OSError) as error:
                _log.error("job %s: the vendor's answer (upstream id %s) is not written yet: %s", job.id, job.upstream_id, error)
                await asyncio.sleep(pause)
        return await self.record(job, attempt)

    async def _gather(self, connection: AsyncConnection, part: Job) -> Job | None:
        if part.parent_id is None:
            return None
        parent = await job_store.lock(connection, part.parent_id)
        if parent is None:
            return None
        children = await job_store.children(connection, part.parent_id)
        gathered = gather(parent, children, self.now())
        if gathered == parent:
            return parent
        if gathered.status.final:
            gathered = self.aftermath.ordered(replace(gathered, cost=cost_of_parts(children)))
        if await job_store.record(connection, gathered, owner=None):
            gathered = await settle(connection, gathered, self.now(), last_part=part)
            await self.aftermath.write(connection, gathered)
        return gathered

    def _tell(self, job: Job, parent: Job | None) -> None:
        if job.status is JobStatus.COMPLETED and job.accepted_at and job.completed_at:
            took = (job.completed_at - job.accepted_at).total_seconds()
            self.paces.learn(job, max(took, 0.0))  # the clock may have been set back meanwhile
        self.watching.tell(job)
        if parent is not None:
            self.watching.tell(parent)
        if job.status.final:
            self.room.ring()
            self.aftermath.begin(parent or job)
            self.telemetry.metrics.job_ended(job, self.aftermath.configuration.channel(job.channel_id), parent)

    async def _keep_outputs(self, job: Job) -> Job:
        """Inline bytes of a result become an asset; the bytes stay on the value for whoever answers now."""
        if not any(output.data is not None and output.asset is None for output in job.outputs):
            return job
        outputs = tuple([await self._keep(job.id, output) for output in job.outputs])
        ours = all(output.asset is not None for output in outputs)
        return replace(job, outputs=outputs, expires_at=None if ours else job.expires_at)

    async def _keep(self, job_id: str, output: Output) -> Output:
        if output.data is None or output.asset is not None:
            return output
        asset = await self.assets.put(job_id, output.data, mime_of(output.data) or output.mime or UNKNOWN_MIME)
        return replace(output, asset=asset.name, mime=asset.mime, size=asset.size, sha256=asset.sha256)


def _route_json(route: Sequence[RouteStep]) -> list[JsonObject]:
    return [{"channel": step.channel, "eligible": step.eligible, "reason": step.reason} for step in route]

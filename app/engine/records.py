"""Writes what happened to a job: one transaction for the job, its attempt, its parent and what was learned."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.attempts import Attempt
from app.domain.jobs import Job, JobStatus, Output, gather
from app.domain.json import JsonObject
from app.engine.assets import Assets
from app.engine.clock import Now
from app.engine.paces import Paces
from app.engine.plan import RouteStep
from app.engine.watching import Watching
from app.store import attempts as attempt_store
from app.store import jobs as job_store
from app.store.database import Database

_PATIENCE = (0.1, 0.5, 2.0, 5.0, 10.0, 20.0, 30.0)  # seconds between tries to write down what a vendor accepted
_log = logging.getLogger(__name__)


class AlreadyMade(Exception):  # not an error: the client asks twice for the same thing
    """The key already has a job with this `client_task_id`; nothing was stored and nothing may be sent."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.asked.client_task_id)


@dataclass(frozen=True, slots=True)
class Recorder:
    """The only writer of jobs. `worker` is this process's name in the leases."""

    database: Database
    assets: Assets
    paces: Paces
    watching: Watching
    now: Now
    worker: str

    async def begin(self, job: Job, attempt: Attempt | None, route: Sequence[RouteStep] = ()) -> Job:
        """Commits a new job, just before its create leaves; raises AlreadyMade when the client named another one so."""
        async with self.database.write() as connection:
            stored = await job_store.insert(connection, job, owner=self.worker, attempt=attempt, route=_route_json(route))
        if stored is None:
            raise AlreadyMade(job)
        return stored

    async def job(self, job_id: str) -> Job | None:
        """The job as it is stored, whoever owns it."""
        async with self.database.read() as connection:
            return await job_store.get(connection, job_id)

    async def begin_parts(self, parent: Job, parts: Sequence[Job], route: Sequence[RouteStep]) -> Job:
        """Commits a job that is split, with all its parts; nothing is sent before."""
        async with self.database.write() as connection:
            stored = await job_store.insert(connection, parent, owner=self.worker, route=_route_json(route))
            if stored is None:
                raise AlreadyMade(parent)
            for part in parts:
                await job_store.insert(connection, part, owner=self.worker, route=_route_json(route))
        return stored

    async def next_attempt(self, job: Job, ended: Attempt | None, attempt: Attempt) -> bool:
        """Commits that a (further) channel is about to be asked, and how the one before ended.

        False: somebody else ended the job meanwhile (a cancel, a takeover), and nothing may be sent.
        """
        async with self.database.write() as connection:
            if ended is not None:
                await attempt_store.finish(connection, ended)
            if not await job_store.record(connection, job, owner=self.worker):
                return False
            await attempt_store.insert_one(connection, attempt)
        return True

    async def take(self, job: Job) -> Job | None:
        """`record` whoever holds the lease: for what a job's owner decides (a cancel)."""
        return await self._write(job, None, owner=None)

    async def record(self, job: Job, attempt: Attempt | None = None) -> Job | None:
        """Writes the job as it now is, compare-and-set; None when somebody else ended it or took it over.

        Inline results become files of ours first. A job that was split is gathered in the same transaction.
        """
        return await self._write(job, attempt, owner=self.worker)

    async def _write(self, job: Job, attempt: Attempt | None, *, owner: str | None) -> Job | None:
        kept = await self._keep_outputs(job)
        parent: Job | None = None
        async with self.database.write() as connection:
            if attempt is not None:
                await attempt_store.finish(connection, attempt)
            if not await job_store.record(connection, kept, owner=owner):
                return None
            parent = await self._gather(connection, kept)
        self._tell(kept, parent)
        return kept

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
        gathered = gather(parent, await job_store.children(connection, part.parent_id), self.now())
        if gathered != parent:
            await job_store.record(connection, gathered, owner=None)
        return gathered

    def _tell(self, job: Job, parent: Job | None) -> None:
        if job.status is JobStatus.COMPLETED and job.accepted_at and job.completed_at:
            self.paces.learn(job, (job.completed_at - job.accepted_at).total_seconds())
        self.watching.tell(job)
        if parent is not None:
            self.watching.tell(parent)

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
        asset = await self.assets.put(job_id, output.data, output.mime or "application/octet-stream")
        return replace(output, asset=asset.name, mime=asset.mime)


def _route_json(route: Sequence[RouteStep]) -> list[JsonObject]:
    return [{"channel": step.channel, "eligible": step.eligible, "reason": step.reason} for step in route]

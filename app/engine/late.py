"""Asks on about jobs that their deadline ended: what a vendor delivers after all is delivered, and its price recorded.

The job stays failed, as its client was told; its results are kept beside that, and the ledger gets a line for what they cost.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.errors import UpstreamError
from app.domain.jobs import Job, JobStatus, deliver_late
from app.domain.privacy import told_of
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.credentials import Credentials
from app.engine.questions import ask_status
from app.engine.records import Recorder
from app.engine.vendors import Vendors
from app.store import late as late_store

_BATCH = 20
_PATIENCE = timedelta(hours=48)  # after the deadline; vendors forget a job after a day or two
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(hours=2)  # between two questions
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Late:
    """What is still awaited although it is too late. Any process may ask; a job is asked about by one at a time."""

    recorder: Recorder
    vendors: Vendors
    configuration: Configuration
    credentials: Credentials
    now: Now

    async def look(self) -> None:
        """Asks about every job that is due."""
        async with self.recorder.database.read() as connection:
            if not await late_store.any_due(connection, self.now()):
                return
        async with self.recorder.database.write() as connection:
            due = await late_store.claim(connection, now=self.now(), until=self.now() + _SHORTEST, limit=_BATCH)
        for job in due:
            with self.recorder.telemetry.work("late", job.id):
                await self._look_at(job)

    async def _look_at(self, job: Job) -> None:
        channel = self.configuration.channel(job.channel_id)
        if channel is None:
            await self._forget(job)
            return
        try:
            credential = self.credentials.of(channel, job.credential_id)
            with self.recorder.telemetry.upstream(channel, job, "late"):
                snapshot = await ask_status(self.vendors, channel, credential, replace(job, settings=channel.settings))
        except UpstreamError as error:
            _log.info("job %s, past its deadline: %s", job.id, told_of(job, error).message)
            await self._next(job)
            return
        now = self.now()
        if snapshot.status is JobStatus.COMPLETED and snapshot.outputs:
            await self.recorder.deliver_late(deliver_late(job, snapshot, now))
            _log.warning("job %s: its vendor delivered after the deadline", job.id)
        elif snapshot.status.final:
            await self._forget(job)
        else:
            await self._next(job)

    async def _next(self, job: Job) -> None:
        """Asks again later, less and less often; some day never again."""
        now, ended = self.now(), job.completed_at or self.now()
        if now - ended > _PATIENCE:
            await self._forget(job)
            return
        await self._due(job, now + min(max((now - ended) / 2, _SHORTEST), _LONGEST))

    async def _forget(self, job: Job) -> None:
        await self._due(job, None)

    async def _due(self, job: Job, due: datetime | None) -> None:
        async with self.recorder.database.write() as connection:
            await late_store.put_due(connection, job.id, due)

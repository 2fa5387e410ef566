"""What follows from the end of a job: its client is told and its results are copied; both stand in the ending transaction."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import RANDOM_BYTES, new_id
from app.domain.jobs import Job
from app.domain.replacing import replace
from app.domain.webhooks import Webhook
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.copying import Copier, wants_copy
from app.engine.formats import unmade
from app.store import webhooks as webhook_store


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Orders what is to be done after a job; `wakes` are called when there is something to do, by whoever does it.

    `copiers` are this process's own, if it has one.
    """

    configuration: Configuration
    keep_results: bool
    now: Now
    wakes: list[Callable[[], None]] = field(default_factory=list)
    copiers: list[Copier] = field(default_factory=list)

    def ordered(self, job: Job) -> Job:
        """The job that is about to be written as ended, with the time from which its results are to be copied or converted."""
        key, channel = self.configuration.key_by_id(job.key_id), self.configuration.channel(job.channel_id)
        due = unmade(job) is not None or wants_copy(job, key, channel, self.keep_results)
        return replace(job, copy_due=self.copiers[0].due(job) if self.copiers else self.now()) if due else job

    async def write(self, connection: AsyncConnection, job: Job) -> None:
        """Writes down whom to tell, in the transaction that ends the job."""
        if job.callback_url is None:
            return
        now = self.now()
        webhook = Webhook.of(job, now, new_id("evt", int(now.timestamp() * 1000), os.urandom(RANDOM_BYTES)))
        if webhook is not None:
            await webhook_store.insert(connection, webhook)

    def begin(self, job: Job) -> None:
        """The job's end is committed."""
        if job.copy_due is not None:
            for copier in self.copiers:
                copier.take(job)
        if job.callback_url is not None:
            for wake in self.wakes:
                wake()

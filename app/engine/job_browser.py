"""Jobs as the console shows them: page by page, and one with everything that its reader may know."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.jobs import Job
from app.domain.json import Json
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.job_records import read_record
from app.engine.webhook_desk import WebhookDesk
from app.store import job_pages
from app.store import keys as key_store
from app.store.database import Database
from app.store.job_pages import WholeJobs
from app.store.webhooks import WebhookFilter

_DELIVERIES = 20  # of one job, at most


@dataclass(frozen=True, slots=True)
class JobFile:
    """One job; `view` is what operators see of it, with neither route nor attempts where a client looks."""

    job: Job
    view: dict[str, Json]
    deliveries: Sequence[dict[str, Json]]


@dataclass(frozen=True, slots=True)
class JobBrowser:
    """Reads jobs; changes nothing."""

    database: Database
    configuration: Configuration
    now: Now

    async def page(self, wanted: WholeJobs, *, before: str | None, limit: int) -> Sequence[Job]:
        """At most `limit` jobs without their parts, the newest first, older than the job `before`."""
        async with self.database.read() as connection:
            return await job_pages.page(connection, wanted, before=before, limit=limit)

    async def one(self, job_id: str, key_id: str | None) -> JobFile:
        """One job: a key's own, or any with everything behind it where the key is None; raises NotFound."""
        record = await read_record(self.database, job_id, key_id)
        job = record.job
        desk = WebhookDesk(self.database, self.now)
        deliveries = await desk.page(WebhookFilter(job_id=job.id), before=None, limit=_DELIVERIES)
        return JobFile(job, record.view(self.configuration.channel(job.channel_id)), deliveries)

    async def key_id(self, name_or_id: str) -> str:
        """The id of the newest key with this name; keys that are gone are known by their id alone."""
        if self.configuration.key_by_id(name_or_id) is not None:
            return name_or_id
        async with self.database.read() as connection:
            named = [key.id for key in await key_store.every(connection) if key.name == name_or_id]
        return named[-1] if named else name_or_id

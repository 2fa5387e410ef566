"""Jobs as operators look at them: of all keys, with everything that is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.channels import Channel
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json
from app.engine.configuration import Configuration
from app.engine.job_records import read_record
from app.engine.job_views import job_line
from app.engine.route_summary import route_summary, steps_of
from app.store import jobs as job_store
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; None means all. `channel` is an id or a name."""

    status: JobStatus | None = None
    key_id: str | None = None
    channel: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class JobDesk:
    """Reads jobs; changes nothing."""

    database: Database
    configuration: Configuration

    async def page(self, wanted: JobFilter, *, before: str | None, limit: int) -> Sequence[dict[str, Json]]:
        """At most `limit` jobs, parts of jobs included, the newest first, older than the job `before`."""
        async with self.database.read() as connection:
            found = await job_store.admin_page(
                connection,
                status=wanted.status,
                key_id=wanted.key_id,
                channel=None if wanted.channel is None else channel_id(self.configuration, wanted.channel),
                model=wanted.model,
                before=before,
                limit=limit,
            )
        return [job_line(job, self._channel(job)) for job in found]

    async def one(self, job_id: str) -> dict[str, Json]:
        """One job with its route, attempts, parts and money; raises NotFound."""
        view, _ = await self.told(job_id)
        return view

    async def told(self, job_id: str) -> tuple[dict[str, Json], str]:
        """`one`, and its route and attempts in one line of printable ASCII."""
        record = await read_record(self.database, job_id)
        return record.view(self._channel(record.job)), route_summary(steps_of(record.route), record.attempts)

    def _channel(self, job: Job) -> Channel | None:
        return self.configuration.channel(job.channel_id)


def channel_id(configuration: Configuration, name_or_id: str) -> str:
    """The id of the channel with this name, of one that still exists where several had it."""
    named = [channel for channel in configuration.channels() if channel.name == name_or_id]
    return min(named, key=lambda channel: channel.deleted).id if named else name_or_id

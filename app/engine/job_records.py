"""One job with everything that is stored about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.attempts import Attempt
from app.domain.channels import Channel
from app.domain.errors import NotFound
from app.domain.jobs import Job
from app.domain.json import Json, JsonObject
from app.engine.job_views import job_view
from app.store import attempts as attempt_store
from app.store import jobs as job_store
from app.store import ledger
from app.store.database import Database
from app.store.ledger import Line


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job, its parts, how its channels were chosen, its tries, and its money (a part's is its parent's)."""

    job: Job
    parts: Sequence[Job]
    route: Sequence[JsonObject]
    attempts: Sequence[Attempt]
    lines: Sequence[Line]

    def view(self, channel: Channel | None) -> dict[str, Json]:
        """As operators see it; `channel` is the job's."""
        return job_view(self.job, channel, self.parts, self.route, self.attempts, self.lines)


async def read_record(database: Database, job_id: str, key_id: str | None = None) -> JobRecord:
    """Any job with everything behind it, or a key's own with neither route, attempts nor parts; raises NotFound."""
    async with database.read() as connection:
        job = await job_store.get(connection, job_id, key_id=key_id) if job_id.isprintable() else None
        if job is None:
            raise NotFound(f"There is no job {job_id[:200]!r}.", param="id")
        lines = await ledger.of_job(connection, job.parent_id or job.id)
        if key_id is not None:
            return JobRecord(job, (), (), (), lines)
        parts = await job_store.children(connection, job.id)
        route = await job_store.route_of(connection, job.id)
        attempts = await attempt_store.of_job(connection, job.id)
    return JobRecord(job, parts, route, attempts, lines)

"""How long each model takes, as this gateway has seen it; the data file's figure until then."""

from app.adapters.registry import catalogue
from app.domain.jobs import Job
from app.domain.pacing import Learning
from app.store import paces as pace_store
from app.store.database import Database

_UNKNOWN = 90.0  # seconds, for a job that no vendor has yet


class Paces:
    """Learned seconds per adapter and upstream model (of one kind of result), in memory; written now and then."""

    def __init__(self) -> None:
        self._learned: dict[tuple[str, str], float] = {}
        self._learning: dict[tuple[str, str], Learning] = {}
        self._unsaved: set[tuple[str, str]] = set()

    async def load(self, database: Database) -> None:
        """Reads what earlier runs and other processes learned."""
        async with database.read() as connection:
            self._learned = {**await pace_store.every(connection), **{name: self._learned[name] for name in self._unsaved}}

    def of(self, job: Job) -> float:
        """Typical seconds from acceptance to result."""
        if not job.adapter:
            return _UNKNOWN
        found = self._learned.get(_name(job))
        if found is not None:
            return found
        models = catalogue(job.adapter)
        return (models.find(job.upstream_model, job.request.op) or models.open_card(job.request.op)).pace

    def learn(self, job: Job, seconds: float) -> None:
        """One more job ended well after this many seconds."""
        name = _name(job)
        if job.adapter:
            before, accepted = self.of(job), (job.accepted_at or job.created_at).timestamp()
            after = self._learning.setdefault(name, Learning()).learn(before, accepted, seconds)
            if after != before:
                self._learned[name] = after
                self._unsaved.add(name)

    async def save(self, database: Database) -> None:
        """Writes what was learned since the last call and reads what others wrote."""
        if not self._unsaved:
            return
        names, self._unsaved = self._unsaved, set()
        async with database.write() as connection:
            for adapter, upstream_model in sorted(names):
                await pace_store.put(connection, adapter, upstream_model, self._learned[adapter, upstream_model])
        await self.load(database)


def _name(job: Job) -> tuple[str, str]:
    """A vendor may have one name for a picture model and a video model."""
    return job.adapter, f"{job.request.op}/{job.upstream_model}"

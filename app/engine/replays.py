"""Knows requests again: what a name stands for, and the answer that its first request got or would have got."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.errors import NotFound
from app.domain.jobs import Job
from app.domain.replays import Replay, ReplayName, StoredAnswer, started_nothing
from app.engine.clock import Now
from app.engine.kept_answers import KeptAnswers
from app.engine.turns import Refusals, Turns
from app.engine.watching import Watching
from app.store import jobs as job_store
from app.store import leases as lease_store
from app.store import replays as replay_store
from app.store.database import Database

# How long after its first try an official SDK may send a request again: it waits 10 minutes for an answer unless told
# otherwise (openai-python's `timeout`, read 2026-11-21), and then at most a minute.
RETRY_WINDOW = timedelta(minutes=15)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between two looks for another process's answer
_PATIENCE = 10.0  # seconds that another process has to write its answer, once its job is as far as the answer needs

Ready = Callable[[Job, Sequence[Job]], bool]  # whether a job (with its parts) is as far as its client wants to hear of


@dataclass(frozen=True, slots=True)
class Replays:
    """The memory of requests. One per process; `worker` is its name in the leases."""

    database: Database
    answers: KeptAnswers
    watching: Watching
    now: Now
    worker: str
    turns: Turns = field(default_factory=Turns)
    refusals: Refusals = field(default_factory=Refusals)

    async def find(self, key_id: str, names: Sequence[ReplayName]) -> Replay | None:
        """What the first of the key's names that is taken stands for; names that have expired are freed."""
        if not names:
            return None
        found = await self.database.ask(lambda connection: _all_standing(connection, key_id, names))
        for replay in found:
            if not replay.expired(self.now()):
                return replay
            await self._forget_expired(replay)
        return None

    async def retried(self, key_id: str, fingerprint: str) -> Job | None:
        """The job of which this request, sent again by an SDK without a name, is the retry; None: it is to be made."""
        if self.refusals.take(key_id, fingerprint, self.now()):
            return None
        since = self.now() - RETRY_WINDOW
        job = await self.database.ask(lambda connection: replay_store.newest_job(connection, key_id, fingerprint, since))
        return None if job is None or await self.started_nothing(job.id) else job

    async def outcome(self, job_id: str, replay: Replay | None, ready: Ready | None) -> StoredAnswer | Job | None:
        """Waits for the first request's answer or, where it will not come, until the job is ready for one to be made of it.

        Without `replay` no answer is kept, without `ready` there is nothing to wait for. None: the name has been freed.
        Raises NotFound when the job is deleted and left no answer. The caller has the turn: whoever still owes the answer is
        another process.
        """
        pause, waited, owner = _FIRST_PAUSE, 0.0, await self._owner(job_id)
        while True:
            if replay is not None and replay.fingerprint:
                known = await self._known(replay)
                if not isinstance(known, Replay):
                    return known
            job, parts = await self._state(job_id)
            if job is None:
                raise NotFound("The job that this request made has been deleted.", code="task_not_exist", param="id")
            if ready is None or (replay is None and ready(job, parts)):
                return job
            if ready(job, parts):
                now_owner = await self._owner(job_id)
                if now_owner in (None, self.worker) or now_owner != owner or waited >= self._patience(job):
                    return job
                waited += pause
            await self.watching.changed(job_id, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def mine(self, replay: Replay) -> bool:
        """Whether this process runs the job, or ran it to its end."""
        async with self.database.read() as connection:
            return await lease_store.owner_of(connection, replay.job_id) == self.worker

    async def started_nothing(self, job_id: str) -> bool:
        """Whether the job certainly made no vendor work, so that the same request may run again."""
        job, parts = await self._state(job_id)
        return job is not None and started_nothing(job, parts)

    async def release(self, job_id: str) -> None:
        """Frees the names of a job that certainly started nothing."""
        async with self.database.write() as connection:
            await replay_store.release(connection, job_id)

    async def _known(self, replay: Replay) -> Replay | StoredAnswer | None:
        """The stored answer; the replay while there is none that can be given; None when the name stands for nothing of it."""
        async with self.database.read() as connection:
            found = await replay_store.get(connection, replay.key_id, replay.name)
        if found is None or found.job_id != replay.job_id:
            return None
        return found if found.answer is None else await self.answers.opened(found.answer) or found

    async def _state(self, job_id: str) -> tuple[Job | None, Sequence[Job]]:
        async with self.database.read() as connection:
            job = await job_store.get(connection, job_id)
            return job, () if job is None else await job_store.children(connection, job_id)

    async def _owner(self, job_id: str) -> str | None:
        """The process that has or had the job, if it lives."""
        async with self.database.read() as connection:
            return await replay_store.living_owner(connection, job_id)

    def _patience(self, job: Job) -> float:
        """Seconds to wait for the answer of a process that lives: none where it had time enough."""
        since = job.completed_at or job.accepted_at or job.updated_at
        return 0.0 if (self.now() - since).total_seconds() >= _PATIENCE else _PATIENCE

    async def _forget_expired(self, replay: Replay) -> None:
        async with self.database.write() as connection:
            asset = await replay_store.forget_expired(connection, replay.key_id, replay.name, self.now())
        if asset is not None:
            await self.answers.assets.delete(asset)


async def _all_standing(connection: AsyncConnection, key_id: str, names: Sequence[ReplayName]) -> list[Replay]:
    return [replay for name in names if (replay := await _standing(connection, key_id, name)) is not None]


async def _standing(connection: AsyncConnection, key_id: str, name: ReplayName) -> Replay | None:
    """What the name stands for: as recorded, or by a job from before names were recorded, whose request nobody knows any more."""
    recorded = await replay_store.get(connection, key_id, name.name)
    if recorded is not None or name.client_task_id is None:
        return recorded
    job = await job_store.by_client_task(connection, key_id, name.client_task_id)
    return None if job is None else name.of(job, job.created_at)

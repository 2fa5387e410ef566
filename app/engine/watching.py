"""Lets a request wait for a job to change: at once where this process changes it, soon where another one does."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import NotFound
from app.domain.jobs import Job, JobStatus
from app.domain.privacy import job_without_content
from app.store import jobs as job_store
from app.store.database import Database
from app.store.standings import standing

FIRST_LOOK, _LONGEST_PAUSE = 1.0, 3.0  # seconds between two looks for what another process wrote
_ORDER = {JobStatus.QUEUED: 0, JobStatus.IN_PROGRESS: 1, JobStatus.COMPLETED: 2, JobStatus.FAILED: 2}


class Watching:
    """Waiters per job id; `leaving` once this process goes away, when nobody listens for changes any more."""

    def __init__(self) -> None:
        self.leaving = False
        self._waiting: dict[str, set[asyncio.Future[Job]]] = defaultdict(set)
        self._listening: dict[str, set[asyncio.Queue[Job | None]]] = defaultdict(set)

    def tell(self, job: Job) -> None:
        """The job changed."""
        for future in self._waiting.pop(job.id, ()):
            if not future.done():
                future.set_result(job)
        for told in self._listening.get(job.id, ()):
            told.put_nowait(job)

    def leave(self) -> None:
        """Ends `changes` for everybody, for clients to ask another process; who waits with `changed` has work here and goes on."""
        self.leaving = True
        for listening in self._listening.values():
            for told in listening:
                told.put_nowait(None)

    def heeded(self, job_id: str) -> bool:
        """Whether anybody waits for news of the job."""
        return job_id in self._waiting or job_id in self._listening

    @contextmanager
    def news(self, job_id: str) -> Iterator[asyncio.Queue[Job | None]]:
        """Every change of the job here while the block runs, in order; None when this process goes away."""
        told: asyncio.Queue[Job | None] = asyncio.Queue()
        self._listening[job_id].add(told)
        try:
            yield told
        finally:
            self._listening[job_id].discard(told)
            if not self._listening[job_id]:
                del self._listening[job_id]

    async def changed(self, job_id: str, patience: float) -> Job | None:
        """The job after its next change here; None when nothing happened in `patience` seconds."""
        future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._waiting[job_id].add(future)
        try:
            async with asyncio.timeout(patience):
                return await future
        except TimeoutError:
            return None
        finally:
            waiting = self._waiting.get(job_id)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiting[job_id]


async def changes(database: Database, watching: Watching, job: Job, first_look: float = FIRST_LOOK) -> AsyncGenerator[Job, None]:
    """The job after each change of its status or progress, until it has ended or this process goes away, whichever changes it.

    Nothing twice and nothing older than before. Raises NotFound when the job is deleted. A database that is away only delays.
    `first_look` is in seconds, the pause before the database is looked at; each look without news makes it longer.
    """
    pause = first_look
    with watching.news(job.id) as told:
        while not (job.status.final or watching.leaving):
            newer = await _heard(told, pause) or await _looked_up(database, job)
            if newer is None:
                pause = min(pause * 1.5, _LONGEST_PAUSE)
            elif _place(newer) > _place(job):
                job, pause = newer, first_look
                yield job


async def _heard(told: asyncio.Queue[Job | None], patience: float) -> Job | None:
    try:
        async with asyncio.timeout(patience):
            job = await told.get()
    except TimeoutError:
        return None
    return job_without_content(job) if job is not None and job.private else job  # as everybody reads it, in whichever process


async def _looked_up(database: Database, job: Job) -> Job | None:
    """The stored job; None while it stands as it stood."""
    try:
        if await database.ask(lambda connection: standing(connection, job.id)) == (job.status, job.progress):
            return None
        newer = await database.ask(lambda connection: job_store.get(connection, job.id))
    except (SQLAlchemyError, OSError):
        return None
    if newer is None:
        raise NotFound("The job has been deleted.", code="task_not_exist", param="id")
    return newer


def _place(job: Job) -> tuple[int, int]:
    """Grows with every change: status never goes back, and progress never falls."""
    return _ORDER[job.status], job.progress


class Bell:
    """Wakes whoever waits for something to happen, without saying what."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Something happened."""
        self._event.set()
        self._event = asyncio.Event()

    async def heard(self, patience: float) -> None:
        """Returns at the next ring, or after `patience` seconds."""
        event = self._event
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await event.wait()

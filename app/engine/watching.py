"""Lets a request of this process wait for a job to change, without asking the database in a loop."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from app.domain.jobs import Job


class Watching:
    """Waiters per job id."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[Job]]] = defaultdict(set)

    def tell(self, job: Job) -> None:
        """The job changed."""
        for future in self._waiting.pop(job.id, ()):
            if not future.done():
                future.set_result(job)

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

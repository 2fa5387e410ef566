"""Creates that are under way: a client that leaves does not end them, and a shutdown waits for them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

from app.domain.jobs import Job


@dataclass(frozen=True, slots=True)
class Running:
    """The creates of this process."""

    _tasks: set[asyncio.Task[Job]] = field(default_factory=set)

    def start(self, create: Coroutine[None, None, Job]) -> asyncio.Task[Job]:
        """Runs a create to its end, whoever waits for it."""
        task = asyncio.create_task(create)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def drain(self, patience: float) -> None:
        """Waits until nothing that was sent is unanswered, at most `patience` seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)

    def _finished(self, task: asyncio.Task[Job]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the client may be gone; the outcome is in the job

"""Tests that act once somebody listens for news of a job, or nobody any more."""

import asyncio
from collections.abc import Callable

from app.engine.watching import Watching


async def heeded(watching: Watching, job_id: str) -> None:
    """Returns when somebody waits for news of the job."""
    await _until(lambda: watching.heeded(job_id))


async def forgotten(watching: Watching, job_id: str) -> None:
    """Returns when nobody waits for news of the job."""
    await _until(lambda: not watching.heeded(job_id))


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - who listens rings no bell
            await asyncio.sleep(0)

"""A few numbers about all jobs, on both databases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.jobs import Job, JobStatus
from app.store import jobs, overview
from app.store.database import Database
from tests.store import samples
from tests.store.samples import NOW

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


def job(number: int, status: JobStatus = JobStatus.QUEUED, op: str = "video", **values: Any) -> Job:
    return replace(samples.job(number, op=op), status=status, **values)


async def stored(database: Database, *found: Job) -> None:
    async with database.write() as connection:
        for one in found:
            await jobs.insert(connection, one, owner=None)


async def test_open_jobs_are_counted_by_status_and_parts_are_not(database: Database) -> None:
    parent, running = job(1), job(2, JobStatus.IN_PROGRESS)
    await stored(database, parent, running, job(3, parent_id=parent.id), job(4, JobStatus.COMPLETED, completed_at=NOW))
    async with database.read() as connection:
        assert await overview.open_by_status(connection) == {JobStatus.QUEUED: 1, JobStatus.IN_PROGRESS: 1}


async def test_spans_are_those_of_the_newest_jobs_that_were_completed(database: Database) -> None:
    old = job(1, JobStatus.COMPLETED, created_at=NOW - 3 * MINUTE, completed_at=NOW)
    quick = job(2, JobStatus.COMPLETED, "image", created_at=NOW - MINUTE, completed_at=NOW)
    await stored(database, old, quick, job(3, JobStatus.FAILED, created_at=NOW, completed_at=NOW))
    async with database.read() as connection:
        assert await overview.spans(connection, NOW - 5 * MINUTE, 10) == [("image", MINUTE), ("video", 3 * MINUTE)]
        assert await overview.spans(connection, NOW - 5 * MINUTE, 2) == [("image", MINUTE)]
        assert await overview.spans(connection, NOW - 2 * MINUTE, 10) == [("image", MINUTE)]

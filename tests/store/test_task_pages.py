"""Jobs by page number, as one status, code, id or model has them."""

from dataclasses import replace

import pytest

from app.domain.jobs import Failure, Job, JobStatus, fail
from app.store import jobs
from app.store.database import Database
from app.store.task_pages import TaskFilter, task_page
from tests.store.samples import NOW, job

pytestmark = pytest.mark.anyio
CODES = ("cancelled", "deadline_exceeded", "deadlineXexceeded")


async def filled(database: Database) -> None:
    """Three open jobs, three failed ones, and what must never show: a picture, another key's job and a part."""
    made: list[Job] = [job(number) for number in (1, 2, 3)]
    made += [fail(job(number), Failure(code, '"code":"cancelled"'), NOW) for number, code in enumerate(CODES, start=4)]
    made += [job(7, op="image"), job(8, key_id="key_b"), replace(job(9), parent_id="job_000001")]
    async with database.write() as connection:
        for one in made:
            await jobs.insert(connection, one, owner="w1")


async def found(database: Database, wanted: TaskFilter, limit: int = 10, offset: int = 0) -> tuple[list[int], int]:
    """The numbers in the ids of a page, and the total."""
    async with database.read() as connection:
        page, total = await task_page(connection, "key_a", "video", wanted, limit=limit, offset=offset)
    return [int(one.id[-6:]) for one in page], total


async def test_pages_go_from_the_newest_to_the_oldest(database: Database) -> None:
    await filled(database)
    assert await found(database, TaskFilter(), limit=4) == ([6, 5, 4, 3], 6)
    assert await found(database, TaskFilter(), limit=4, offset=4) == ([2, 1], 6)
    assert await found(database, TaskFilter(), limit=4, offset=8) == ([], 6)


async def test_filters_hold_together(database: Database) -> None:
    await filled(database)
    failed = JobStatus.FAILED
    assert await found(database, TaskFilter(JobStatus.QUEUED)) == ([3, 2, 1], 3)
    assert await found(database, TaskFilter(failed, codes={"cancelled"})) == ([4], 1)
    assert await found(database, TaskFilter(failed, codes={"deadline_exceeded", "expired"})) == ([5], 1)
    assert await found(database, TaskFilter(failed, other_than={"cancelled", "deadline_exceeded"})) == ([6], 1)
    assert await found(database, TaskFilter(other_than={"cancelled"}, ids=["job_000001", "job_000004", "job_000007"])) == ([1], 1)
    assert await found(database, TaskFilter(model="film-1", ids=["job_000002"])) == ([2], 1)
    assert await found(database, TaskFilter(model="film-2")) == ([], 0)

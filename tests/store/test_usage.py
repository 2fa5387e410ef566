"""Usage is summed as jobs end, and told apart again by any of its dimensions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from app.domain.jobs import Job, JobStatus, Output
from app.domain.jobs import Usage as VendorUsage
from app.domain.requests import VideoRequest
from app.store import usage
from app.store.database import Database
from app.store.usage import Dimension, Usage, Wanted
from tests.store import samples
from tests.store.samples import HARD_TEXT, NOW

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
TODAY = date(2026, 3, 1)
ALL = tuple(Dimension)
EVER = Wanted(first=date(1, 1, 1), last=date(9999, 12, 31))
CLIP = Output(url="https://cdn.example.com/x.mp4")


def ended(status: JobStatus = JobStatus.COMPLETED, *, op: str = "video", model: str = "film-1", **values: Any) -> Job:
    """A job that has ended, with one result if it is completed."""
    outputs = (CLIP,) if status is JobStatus.COMPLETED else ()
    base = samples.job(op=op)
    given = {"status": status, "model": model, "channel_id": "ch_1", "outputs": outputs, "cost": 250_000, "created_at": NOW}
    return replace(base, **{**given, **values})


async def counted(database: Database, *jobs: Job) -> None:
    """Counts each job in a transaction of its own, as the engine does."""
    for job in jobs:
        async with database.write() as connection:
            await usage.add(connection, job)


async def summed(database: Database, dimensions: Sequence[Dimension] = ALL, wanted: Wanted = EVER, **page: Any) -> list[Usage]:
    async with database.read() as connection:
        return await usage.page(connection, wanted, dimensions, **page)


async def test_jobs_of_one_kind_add_up_in_one_row(database: Database) -> None:
    done = ended(seconds=5.5)
    failed = ended(JobStatus.FAILED, cost=None)
    await counted(database, done, done, failed)
    assert await summed(database) == [
        Usage(
            of={Dimension.DAY: "2026-03-01", Dimension.MODEL: "film-1", Dimension.KEY: "key_a", Dimension.CHANNEL: "ch_1"},
            jobs=3,
            completed=2,
            failed=1,
            results=2,
            seconds=11.0,
            spent=500_000,
        )
    ]


async def test_a_job_counts_on_the_day_on_which_it_was_made(database: Database) -> None:
    await counted(database, ended(created_at=NOW - DAY, completed_at=NOW))
    (line,) = await summed(database, [Dimension.DAY])
    assert line.of == {Dimension.DAY: "2026-02-28"}


ORDERED = VideoRequest(model="film-1", mode=samples.job().request.mode, duration=8)


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        (ended(usage=VendorUsage(seconds=9.5), seconds=5.0), 9.5),
        (ended(seconds=5.0, outputs=(CLIP, CLIP)), 10.0),
        (ended(request=ORDERED), 8.0),
        (ended(request=ORDERED, outputs=(CLIP, CLIP)), 16.0),
        (ended(), 0.0),
        (ended(JobStatus.FAILED, request=ORDERED, seconds=5.0), 0.0),
        (ended(JobStatus.FAILED, usage=VendorUsage(seconds=2.0)), 2.0),
        (ended(op="image", usage=VendorUsage(seconds=2.0)), 0.0),
    ],
)
async def test_seconds_are_the_vendors_else_those_made_else_those_ordered(database: Database, job: Job, seconds: float) -> None:
    await counted(database, job)
    (line,) = await summed(database)
    assert line.seconds == seconds


async def test_what_is_charged_later_adds_to_the_spent_alone(database: Database) -> None:
    job = ended(JobStatus.FAILED, cost=0)
    await counted(database, job)
    async with database.write() as connection:
        await usage.adjust(connection, job, 250_000)
    (line,) = await summed(database, [Dimension.KEY])
    assert (line.jobs, line.failed, line.completed, line.results, line.spent) == (1, 1, 0, 0, 250_000)


async def test_usage_is_told_apart_by_what_is_asked_for_the_newest_day_first(database: Database) -> None:
    await counted(
        database,
        ended(model="b"),
        ended(model="a", key_id="key_b"),
        ended(model="a", channel_id="ch_2", created_at=NOW + DAY),
        ended(model="a", channel_id="", created_at=NOW - DAY),
    )
    by_day = await summed(database, [Dimension.MODEL, Dimension.DAY])
    assert [tuple(line.of.values()) for line in by_day] == [
        ("a", "2026-03-02"),
        ("a", "2026-03-01"),
        ("b", "2026-03-01"),
        ("a", "2026-02-28"),
    ]
    by_model = await summed(database, [Dimension.MODEL])
    assert [(line.of[Dimension.MODEL], line.jobs) for line in by_model] == [("a", 3), ("b", 1)]
    by_channel = await summed(database, [Dimension.CHANNEL])
    assert [line.of[Dimension.CHANNEL] for line in by_channel] == ["", "ch_1", "ch_2"]


@pytest.mark.parametrize(
    ("wanted", "jobs"),
    [
        (Wanted(first=TODAY, last=TODAY), 2),
        (Wanted(first=TODAY - DAY, last=TODAY), 3),
        (Wanted(first=TODAY + DAY, last=TODAY + DAY), 0),
        (replace(EVER, key_id="key_b"), 1),
        (replace(EVER, model="film-2"), 1),
        (replace(EVER, channel_id="ch_2"), 1),
        (replace(EVER, model="film-2", channel_id="ch_2"), 0),
        (replace(EVER, model="film%"), 0),
    ],
)
async def test_only_what_is_wanted_is_summed(database: Database, wanted: Wanted, jobs: int) -> None:
    await counted(database, ended(key_id="key_b"), ended(model="film-2"), ended(channel_id="ch_2", created_at=NOW - DAY))
    async with database.read() as connection:
        assert (await usage.total(connection, wanted)).jobs == jobs
    assert sum(line.jobs for line in await summed(database, wanted=wanted)) == jobs


async def test_the_total_of_nothing_is_zero(database: Database) -> None:
    async with database.read() as connection:
        found = await usage.total(connection, EVER)
    assert found == Usage(jobs=0, completed=0, failed=0, results=0, seconds=0.0, spent=0)


@pytest.mark.parametrize(
    "dimensions", [ALL, (Dimension.DAY,), (Dimension.KEY, Dimension.DAY), (Dimension.MODEL, Dimension.CHANNEL)]
)
async def test_pages_hold_each_line_once(database: Database, dimensions: Sequence[Dimension]) -> None:
    await counted(
        database,
        *(
            ended(model=model, key_id=key_id, channel_id=channel_id, created_at=NOW + number * DAY)
            for model in ("a", HARD_TEXT)
            for key_id in ("key_a", "key_b")
            for channel_id in ("", "ch_1")
            for number in range(3)
        ),
    )
    whole, pages = await summed(database, dimensions), await summed(database, dimensions, limit=1)
    while following := await summed(database, dimensions, after=pages[-1].of, limit=1):
        pages += following
    assert pages == whole
    assert sum(line.jobs for line in pages) == 24


async def test_sums_beyond_32_bits_are_exact(database: Database) -> None:
    await counted(database, ended(cost=2**53 + 1), ended(cost=2**53))
    async with database.read() as connection:
        assert (await usage.total(connection, EVER)).spent == 2**54 + 1

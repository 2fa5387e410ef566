"""The ledger is read in pages, the newest line first, all of it or one key's, job's or kind's."""

from dataclasses import replace

import pytest

from app.store import ledger, ledger_pages
from app.store.database import Database
from app.store.ledger_pages import LineFilter
from tests.store.samples import NOW, SECOND, job

pytestmark = pytest.mark.anyio
OLDEST_FIRST = [
    ("reserve_job_000001", -500),
    ("reserve_job_000002", -500),
    ("settle_job_000001", 100),
    ("refund_job_000002", 500),
    ("adjust_job_000002", -70),
]


async def written(database: Database) -> None:
    """Two jobs of two keys: one costs 400, the other is refunded and costs 70 after all."""
    first, second = (replace(job(number, key_id=f"key_{number}"), reserved=500) for number in (1, 2))
    async with database.write() as connection:
        await ledger.reserve(connection, first, NOW)
        await ledger.reserve(connection, second, NOW)
        await ledger.settle(connection, first, 400, NOW + SECOND)
        await ledger.settle(connection, second, 0, NOW + SECOND)
        await ledger.adjust(connection, second, 70, NOW + 2 * SECOND)


async def ids(database: Database, wanted: LineFilter, before: str | None = None, limit: int = 100) -> list[str]:
    async with database.read() as connection:
        return [line.id for line in await ledger_pages.page(connection, wanted, before=before, limit=limit)]


async def test_the_newest_line_comes_first(database: Database) -> None:
    await written(database)
    async with database.read() as connection:
        found = await ledger_pages.page(connection, LineFilter())
    assert [(line.id, line.micros) for line in found] == OLDEST_FIRST[::-1]
    assert found[0].at == NOW + 2 * SECOND
    assert (found[0].key_id, found[0].job_id, found[0].kind) == ("key_2", "job_000002", "adjust")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (LineFilter(key_id="key_1"), ["settle_job_000001", "reserve_job_000001"]),
        (LineFilter(job_id="job_000002"), ["adjust_job_000002", "refund_job_000002", "reserve_job_000002"]),
        (LineFilter(kind="reserve"), ["reserve_job_000002", "reserve_job_000001"]),
        (LineFilter(key_id="key_1", kind="refund"), []),
        (LineFilter(job_id="' OR 1=1"), []),
    ],
)
async def test_lines_can_be_filtered(database: Database, wanted: LineFilter, expected: list[str]) -> None:
    await written(database)
    assert await ids(database, wanted) == expected


async def test_pages_turn_by_id(database: Database) -> None:
    await written(database)
    first = await ids(database, LineFilter(), limit=2)
    second = await ids(database, LineFilter(), before=first[-1], limit=2)
    third = await ids(database, LineFilter(), before=second[-1], limit=2)
    assert [*first, *second, *third] == [line_id for line_id, _ in OLDEST_FIRST][::-1]
    assert await ids(database, LineFilter(), before="none") == []
    assert await ids(database, LineFilter(key_id="key_1"), before="adjust_job_000002") == [
        "settle_job_000001",
        "reserve_job_000001",
    ]


async def test_a_jobs_lines_sum_to_minus_its_cost(database: Database) -> None:
    await written(database)
    async with database.read() as connection:
        found = await ledger_pages.page(connection, LineFilter())
    assert {one: sum(line.micros for line in found if line.job_id == one) for one in ("job_000001", "job_000002")} == {
        "job_000001": -400,
        "job_000002": -70,
    }

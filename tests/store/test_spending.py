"""What a key spent counts in the period of its budget, by the days on which its jobs were made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.channels import BudgetPeriod, Key
from app.store import keys, ledger, spending
from app.store.database import Database
from app.store.spending import Spending
from tests.store import samples

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
MADE = (
    datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 31, tzinfo=UTC),
    datetime(2026, 4, 1, tzinfo=UTC),
)


def key(number: int, period: BudgetPeriod = "total", budget: int | None = 1_000_000) -> Key:
    return replace(samples.key(number), budget=budget, budget_period=period)


async def paid(database: Database, key_id: str) -> None:
    """On each day one job that cost 1, 10, 100 or 1,000 micro-dollars, and an open one for which twice as much is held."""
    for number, made in enumerate(MADE):
        job = replace(samples.job(number, key_id=key_id), id=f"{key_id}_{number}", created_at=made, reserved=2 * 10**number)
        async with database.write() as connection:
            await ledger.reserve(connection, job, made)
            await ledger.reserve(connection, replace(job, id=f"{job.id}_open"), made)
            await ledger.settle(connection, job, 10**number, made)


@pytest.mark.parametrize(
    ("asked", "at", "expected"),
    [
        (key(1, "total"), NOW, Spending(1_111, 2_222, 1_111)),
        (key(1, "month"), NOW, Spending(110, 220, 1_111)),
        (key(1, "day"), NOW, Spending(100, 200, 1_111)),
        (key(1, "day"), NOW + timedelta(microseconds=1), Spending(1_000, 2_000, 1_111)),
        (key(1, "month"), NOW + timedelta(microseconds=1), Spending(1_000, 2_000, 1_111)),
        (key(1, "day"), NOW - timedelta(days=2), Spending(0, 0, 1_111)),
        (key(1, "day", budget=None), NOW, Spending(1_111, 2_222, 1_111)),
    ],
)
async def test_spending_counts_in_the_budgets_period(database: Database, asked: Key, at: datetime, expected: Spending) -> None:
    await paid(database, "key_1")
    async with database.read() as connection:
        assert await spending.of_keys(connection, [asked], at) == {"key_1": expected}


@pytest.mark.parametrize("period", ["total", "month", "day"])
async def test_spending_agrees_with_what_is_left_of_the_budget(database: Database, period: BudgetPeriod) -> None:
    owner = key(1, period)
    async with database.write() as connection:
        await keys.insert_one(connection, owner)
    await paid(database, "key_1")
    async with database.write() as connection:
        left = await ledger.left(connection, "key_1", NOW)
        found = (await spending.of_keys(connection, [owner], NOW))["key_1"]
    assert left == 1_000_000 - found.spent - found.reserved


async def test_many_keys_are_answered_at_once_each_in_its_own_period(database: Database) -> None:
    await paid(database, "key_1")
    await paid(database, "key_2")
    async with database.read() as connection:
        found = await spending.of_keys(connection, [key(1, "day"), key(2, "month"), key(3)], NOW)
    assert found == {"key_1": Spending(100, 200, 1_111), "key_2": Spending(110, 220, 1_111), "key_3": Spending()}


async def test_no_keys_need_no_question(database: Database) -> None:
    async with database.read() as connection:
        assert await spending.of_keys(connection, [], NOW) == {}

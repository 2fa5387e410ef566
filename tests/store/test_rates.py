"""Counters that every process shares never go beyond what they may hold."""

import asyncio

import pytest

from app.store import rates
from app.store.database import Database
from tests.store.samples import NOW, SECOND

pytestmark = pytest.mark.anyio


async def add(database: Database, name: str, amount: int = 1, at_most: int = 10, expires_in: int = 120) -> int | None:
    """Counts in a transaction of its own."""
    async with database.write() as connection:
        return await rates.add(connection, name, amount, at_most, NOW + expires_in * SECOND)


async def counts(database: Database, *names: str) -> dict[str, int]:
    """What the counters say."""
    async with database.read() as connection:
        return dict(await rates.counts(connection, names))


async def test_a_counter_counts_up_to_what_it_may_hold(database: Database) -> None:
    assert [await add(database, "a", at_most=3) for _ in range(5)] == [1, 2, 3, None, None]
    assert await counts(database, "a", "b") == {"a": 3}


async def test_an_amount_beyond_the_limit_leaves_no_trace(database: Database) -> None:
    assert await add(database, "a", amount=4, at_most=3) is None
    assert await counts(database, "a") == {}


async def test_of_many_at_the_same_time_no_more_pass_than_there_is_room_for(database: Database) -> None:
    found = await asyncio.gather(*(add(database, "a", at_most=10) for _ in range(40)))
    assert sorted(one for one in found if one is not None) == list(range(1, 11))
    assert await counts(database, "a") == {"a": 10}


async def test_the_end_of_a_counter_is_set_when_it_starts(database: Database) -> None:
    await add(database, "a", expires_in=10)
    await add(database, "a", expires_in=99)
    async with database.read() as connection:
        assert await rates.expiry(connection, "a") == NOW + 10 * SECOND
        assert await rates.expiry(connection, "b") is None


async def test_a_forgotten_counter_starts_anew(database: Database) -> None:
    for name in ("a", "b", "c"):
        await add(database, name)
    async with database.write() as connection:
        await rates.forget(connection, ("a", "b"))
    assert await counts(database, "a", "b", "c") == {"c": 1}


async def test_expired_counters_are_purged_so_many_at_a_time(database: Database) -> None:
    for number in range(5):
        await add(database, f"old {number}", expires_in=-10)
    await add(database, "young", expires_in=10)
    async with database.write() as connection:
        assert await rates.purge(connection, NOW, 3) == 3
        assert await rates.purge(connection, NOW, 3) == 2
        assert await rates.purge(connection, NOW, 3) == 0
    assert await counts(database, "young") == {"young": 1}

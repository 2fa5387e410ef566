"""Small values that all processes share."""

import asyncio

import pytest

from app.store import paces, settings
from app.store.database import Database
from tests.store.samples import HARD_TEXT

pytestmark = pytest.mark.anyio


async def test_a_setting_is_put_replaced_and_read(database: Database) -> None:
    async with database.write() as connection:
        assert await settings.get(connection, "motto") is None
        await settings.put(connection, "motto", "first")
        await settings.put(connection, "motto", HARD_TEXT)
        assert await settings.get(connection, "motto") == HARD_TEXT


async def test_of_processes_that_start_together_one_sets_a_new_setting(database_url: str) -> None:
    databases = [Database.open(database_url), Database.open(database_url)]

    async def start(number: int) -> bool:
        async with databases[number % 2].write() as connection:
            return await settings.put_new(connection, "admin", str(number))

    won = await asyncio.gather(*(start(number) for number in range(8)))
    assert won.count(True) == 1
    async with databases[0].read() as connection:
        assert await settings.get(connection, "admin") == str(won.index(True))
    for database in databases:
        await database.close()


async def test_a_pace_is_kept_per_vendor_model(database: Database) -> None:
    async with database.write() as connection:
        await paces.put(connection, "acme", "film", 61.5)
        await paces.put(connection, "acme", "film", 0.1 + 0.2)
        await paces.put(connection, "acme", "still", 7)
        assert await paces.every(connection) == {("acme", "film"): 0.1 + 0.2, ("acme", "still"): 7.0}

"""Whether a database fits this version of the program."""

import pytest
from sqlalchemy import text

from app.store.database import Database
from app.store.migrate import migrate
from app.store.schema import Schema, schema_of

pytestmark = pytest.mark.anyio


async def test_a_migrated_database_is_current(database: Database) -> None:
    assert await schema_of(database) is Schema.CURRENT


async def test_a_database_of_a_newer_version_is_recognised(empty_database_url: str) -> None:
    await migrate(empty_database_url)  # a database of its own: others are used again by tests that migrate them
    opened = Database.open(empty_database_url)
    try:
        async with opened.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert await schema_of(opened) is Schema.NEWER
    finally:
        await opened.close()


async def test_an_empty_database_has_no_schema(empty_database_url: str) -> None:
    opened = Database.open(empty_database_url)
    try:
        async with opened.write() as connection:
            await connection.execute(text("SELECT 1"))
        assert await schema_of(opened) is Schema.MISSING
    finally:
        await opened.close()

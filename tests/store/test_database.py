"""Transactions are whole, durable and queue up instead of failing; URLs are read as operators write them."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.store import settings
from app.store.database import Database, async_url

pytestmark = pytest.mark.anyio

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
postgres_only = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def value(database: Database, name: str) -> str | None:
    """The setting of this name, as others see it."""
    async with database.read() as connection:
        return await settings.get(connection, name)


async def test_the_dialect_is_named(database: Database, database_url: str) -> None:
    assert database.dialect == database_url.partition("+")[0].partition(":")[0]


async def test_a_write_is_seen_only_after_its_block(database: Database) -> None:
    async with database.write() as connection:
        await settings.put(connection, "a", "1")
        assert await value(database, "a") is None
    assert await value(database, "a") == "1"


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    async def put_and_fail() -> None:
        async with database.write() as connection:
            await settings.put(connection, "a", "1")
            raise LookupError

    with pytest.raises(LookupError):
        await put_and_fail()
    assert await value(database, "a") is None
    async with database.write() as connection:
        await settings.put(connection, "b", "2")
    assert await value(database, "b") == "2"


async def test_a_failed_statement_leaves_nothing_and_the_next_write_works(database: Database) -> None:
    async def put_and_break() -> None:
        async with database.write() as connection:
            await settings.put(connection, "a", "1")
            await connection.execute(text("INSERT INTO settings (name) VALUES ('b')"))

    with pytest.raises(DBAPIError):
        await put_and_break()
    async with database.write() as connection:
        await settings.put(connection, "c", "3")
    assert (await value(database, "a"), await value(database, "c")) == (None, "3")


async def test_a_cancelled_write_leaves_nothing_and_the_next_write_works(database: Database) -> None:
    inside = asyncio.Event()

    async def never_ending() -> None:
        async with database.write() as connection:
            await settings.put(connection, "a", "1")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_ending())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as connection:
        await settings.put(connection, "b", "2")
    assert (await value(database, "a"), await value(database, "b")) == (None, "2")


async def test_an_empty_write_and_a_write_that_only_reads_are_fine(database: Database) -> None:
    async with database.write():
        pass
    async with database.write() as connection:
        assert await settings.get(connection, "a") is None


async def test_many_read_then_write_transactions_of_two_processes_lose_no_update(database_url: str) -> None:
    databases = [Database.open(database_url), Database.open(database_url)]
    async with databases[0].write() as connection:
        await settings.put(connection, "count", "0")
    locked = " FOR UPDATE" if databases[0].dialect == "postgresql" else ""

    async def count(number: int) -> None:
        async with databases[number % 2].write() as connection:
            found = await connection.execute(text(f"SELECT value FROM settings WHERE name = 'count'{locked}"))
            await settings.put(connection, "count", str(int(found.scalar_one()) + 1))

    await asyncio.gather(*(count(number) for number in range(40)))
    assert await value(databases[0], "count") == "40"
    for database in databases:
        await database.close()


@sqlite_only
async def test_a_cancelled_wait_for_the_write_lock_does_not_harm_the_next_writer(database: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "filmgate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def wait_for_lock() -> None:
        async with database.write() as connection:
            await settings.put(connection, "a", "1")

    task = asyncio.create_task(wait_for_lock())
    done, _ = await asyncio.wait({task}, timeout=0.1)
    assert not done
    task.cancel()
    other.execute("ROLLBACK")
    other.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as connection:
        await settings.put(connection, "b", "2")
    assert await value(database, "b") == "2"


@sqlite_only
async def test_sqlite_is_durable_keeps_its_references_and_reads_do_not_write(database: Database) -> None:
    async def pragma(name: str) -> str:
        async with database.write() as connection:
            return str((await connection.execute(text(f"PRAGMA {name}"))).scalar_one())

    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == "2"
    assert await pragma("foreign_keys") == "1"
    assert int(await pragma("busy_timeout")) >= 10_000
    with pytest.raises(DBAPIError, match="readonly"):
        async with database.read() as connection:
            await settings.put(connection, "a", "1")


@sqlite_only
async def test_sqlite_takes_the_write_lock_with_the_first_statement(database: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "filmgate.db", isolation_level=None, timeout=0)
    async with database.write() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


@postgres_only
async def test_connections_that_the_server_closed_are_replaced(database: Database) -> None:
    async with database.write() as connection:
        await settings.put(connection, "a", "1")
        own = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    closed = asyncio.Event()
    driver.add_termination_listener(lambda _: closed.set())
    second = Database.open(database._writer.url.render_as_string(hide_password=False))
    async with second.read() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
    await second.close()
    await asyncio.wait_for(closed.wait(), 5)
    assert await value(database, "a") == "1"


async def test_the_folder_of_a_new_sqlite_file_is_made(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/one/two/new.db")
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE t (a INTEGER)"))
    await database.close()
    assert (tmp_path / "one" / "two" / "new.db").exists()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("sqlite:///a/b.db", "sqlite+aiosqlite:///a/b.db"),
        ("postgres://u:p%40@h:5433/d", "postgresql+asyncpg://u:p%40@h:5433/d"),
        ("postgresql://h/d", "postgresql+asyncpg://h/d"),
        ("postgresql+psycopg://h/d", "postgresql+asyncpg://h/d"),
        ("postgresql+asyncpg://h/d?sslmode=require", "postgresql+asyncpg://h/d?ssl=require"),
    ],
)
def test_urls_are_read_as_operators_write_them(given: str, wanted: str) -> None:
    assert async_url(given).render_as_string(hide_password=False) == wanted


@pytest.mark.parametrize(
    "given", ["postgresql:///d?host=/run/pg", "postgresql://u@%2Frun%2Fpg/d", "postgres+asyncpg://u@/d?host=/run/pg"]
)
def test_unix_sockets_reach_the_driver(given: str) -> None:
    url = async_url(given)
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert (arguments["host"], arguments["database"]) == ("/run/pg", "d")


@pytest.mark.parametrize("given", ["mysql://h/d", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        async_url(given)

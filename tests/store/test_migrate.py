"""Migrations make exactly the tables that the code declares, also when several processes start at once."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from app.store.database import Database
from app.store.migrate import migrate, sole_connection
from app.store.tables import metadata, whole_metadata
from app.store.versions import folder

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PROGRAM = "import asyncio, sys; from app.store.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"


def start(*arguments: str, url: str) -> subprocess.Popen[bytes]:
    """A process of its own, with the database in its environment."""
    environment = {**os.environ, "FILMGATE_DATABASE_URL": url}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


async def tables(url: str) -> set[str]:
    """The names of the tables in the database."""
    database = Database.open(url)
    async with database.write() as connection:
        found = await connection.run_sync(lambda plain: inspect(plain).get_table_names())
    await database.close()
    return set(found)


def difference(connection: Connection) -> list[object]:
    """What Alembic would change to turn the database into the declared tables."""
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), whole_metadata()))


async def test_migrations_agree_with_the_tables(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    async with sole_connection(empty_database_url) as connection:
        assert await connection.run_sync(difference) == []
    assert await tables(empty_database_url) == {*metadata.tables, "alembic_version"}


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await migrate(database_url)
    async with sole_connection(database_url) as connection:
        versions = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars().all()
        counters = (await connection.execute(text("SELECT id, value FROM revision"))).all()
    assert versions == ["0006"]
    assert [tuple(row) for row in counters] == [(1, 0)]


async def test_two_processes_that_migrate_at_once_both_succeed(empty_database_url: str) -> None:
    processes = [start("-W", "error", "-c", PROGRAM, empty_database_url, url=empty_database_url) for _ in range(2)]
    ends = [await asyncio.to_thread(process.communicate) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert "jobs" in await tables(empty_database_url)


async def test_parallel_calls_in_one_process_all_succeed_and_the_loop_stays_free(empty_database_url: str) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(3)))
    ticking.cancel()
    assert ticks > 10
    assert "jobs" in await tables(empty_database_url)


async def test_a_migration_waits_for_the_one_that_runs(empty_database_url: str) -> None:
    async with sole_connection(empty_database_url) as connection:
        waiting = asyncio.create_task(migrate(empty_database_url))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        await connection.execute(text("CREATE TABLE seen (a INTEGER)"))
    await waiting
    assert {"seen", "jobs"} <= await tables(empty_database_url)


async def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    async with sole_connection(empty_database_url) as connection:
        await connection.execute(text("CREATE TABLE jobs (a INTEGER)"))
    with pytest.raises(Exception, match="jobs"):
        await migrate(empty_database_url)
    assert await tables(empty_database_url) == {"jobs"}


async def test_the_command_line_migrates_the_database_of_the_settings(empty_database_url: str) -> None:
    process = start("-m", "alembic", "upgrade", "head", url=empty_database_url)
    output, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, output
    assert "jobs" in await tables(empty_database_url)


async def test_a_caller_can_give_a_connection_and_go_back(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    config = Config()
    config.set_main_option("script_location", str(folder()))

    def down(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    async with sole_connection(empty_database_url) as connection:
        await connection.run_sync(down)
    assert await tables(empty_database_url) == {"alembic_version"}


async def test_a_database_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/newer.db"
    await migrate(url)
    database = Database.open(url)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'of a later day'"))
    await database.close()
    with pytest.raises(ValueError, match="made by a newer version"):
        await migrate(url)

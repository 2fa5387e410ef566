"""`ask` and `commit`: a unit of work finds, is durable or leaves nothing; on SQLite many share one commit, each for itself."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import settings as setting_store
from app.store.database import Database
from app.store.migrate import migrate
from app.store.tables import settings

pytestmark = pytest.mark.anyio


async def put(database: Database, name: str, value: str) -> None:
    await database.commit(lambda connection: setting_store.put(connection, name, value))


async def found(database: Database, name: str) -> str | None:
    return await database.ask(lambda connection: setting_store.get(connection, name))


async def test_what_is_committed_is_found(database: Database) -> None:
    await put(database, "one", "1")
    assert await found(database, "one") == "1"
    async with database.read() as connection:
        assert await setting_store.get(connection, "one") == "1"


async def test_many_at_once_are_all_written(database: Database) -> None:
    await asyncio.gather(*(put(database, f"name {number}", str(number)) for number in range(150)))
    assert [await found(database, f"name {number}") for number in (0, 77, 149)] == ["0", "77", "149"]


async def test_a_unit_that_raises_leaves_nothing_and_harms_no_other(database: Database) -> None:
    async def halfway(connection: AsyncConnection) -> None:
        await setting_store.put(connection, "halfway", "1")
        raise LookupError("no")

    outcomes = await asyncio.gather(
        put(database, "before", "1"), database.commit(halfway), put(database, "after", "1"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), LookupError, type(None)]
    assert [await found(database, name) for name in ("before", "halfway", "after")] == ["1", None, "1"]


async def test_only_what_wrote_before_it_failed_is_done_again(tmp_path: Path) -> None:
    runs: list[str] = []

    async def counted(connection: AsyncConnection) -> None:
        runs.append("counted")
        number = int(await setting_store.get(connection, "runs") or 0)
        await setting_store.put(connection, "runs", str(number + 1))

    async def refused(connection: AsyncConnection) -> None:
        raise LookupError("nothing written")

    async def halfway(connection: AsyncConnection) -> None:
        await setting_store.put(connection, "halfway", "1")
        raise LookupError("something written")

    url = f"sqlite+aiosqlite:///{tmp_path}/units.db"
    await migrate(url)
    database = Database.open(url)
    try:
        await asyncio.gather(database.commit(counted), database.commit(refused), return_exceptions=True)
        assert (runs, await found(database, "runs")) == (["counted"], "1")
        await asyncio.gather(database.commit(counted), database.commit(halfway), return_exceptions=True)
        assert (runs, await found(database, "runs"), await found(database, "halfway")) == (["counted"] * 3, "2", None)
    finally:
        await database.close()


async def test_a_statement_that_fails_undoes_its_unit_alone(database: Database) -> None:
    async def twice(connection: AsyncConnection) -> None:
        await connection.execute(settings.insert(), {"name": "twice", "value": "1"})
        await connection.execute(settings.insert(), {"name": "twice", "value": "2"})

    failed, _ = await asyncio.gather(database.commit(twice), put(database, "other", "1"), return_exceptions=True)
    assert isinstance(failed, IntegrityError)
    assert (await found(database, "twice"), await found(database, "other")) == (None, "1")


async def test_a_later_unit_sees_what_an_earlier_one_wrote(database: Database) -> None:
    async def next_number(connection: AsyncConnection) -> int:
        held = await setting_store.get(connection, "number")
        number = int(held or 0) + 1
        await setting_store.put(connection, "number", str(number))
        return number

    if database.dialect == "postgresql":  # there each is a transaction of its own, and they would have to lock
        numbers = [await database.commit(next_number) for _ in range(20)]
    else:
        numbers = await asyncio.gather(*(database.commit(next_number) for _ in range(20)))
    assert sorted(numbers) == list(range(1, 21))


async def test_the_two_ways_of_writing_take_turns(database: Database) -> None:
    async with database.write() as connection:
        waiting = asyncio.create_task(put(database, "second", "1"))
        await asyncio.sleep(0)
        await setting_store.put(connection, "first", "1")
    await waiting
    assert (await found(database, "first"), await found(database, "second")) == ("1", "1")


async def test_who_leaves_takes_nothing_back(database: Database) -> None:
    leaving = asyncio.create_task(put(database, "left", "1"))
    await asyncio.sleep(0)
    leaving.cancel()
    await put(database, "stayed", "1")
    assert await found(database, "stayed") == "1"


async def test_reading_writes_nothing(database: Database) -> None:
    if database.dialect == "postgresql":
        pytest.skip("PostgreSQL's readers are ordinary connections")
    with pytest.raises(Exception, match="readonly"):
        await database.ask(lambda connection: setting_store.put(connection, "read", "1"))


async def test_a_unit_that_waits_for_something_else_is_refused(tmp_path: Path) -> None:
    async def dreaming(connection: AsyncConnection) -> None:
        await setting_store.put(connection, "dream", "1")
        await asyncio.sleep(0)

    url = f"sqlite+aiosqlite:///{tmp_path}/units.db"
    await migrate(url)
    database = Database.open(url)
    try:
        with pytest.raises(RuntimeError, match="something else"):
            await database.commit(dreaming)
        assert await found(database, "dream") is None
    finally:
        await database.close()


async def test_what_was_answered_is_on_the_disk(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/units.db"
    await migrate(url)
    database = Database.open(url)
    try:
        await put(database, "kept", "1")
        with sqlite3.connect(tmp_path / "units.db") as beside:  # another process
            assert beside.execute("SELECT value FROM settings WHERE name = 'kept'").fetchall() == [("1",)]
        beside.close()
    finally:
        await database.close()


async def test_a_commit_that_cannot_begin_is_an_error_of_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/units.db"
    await migrate(url)
    monkeypatch.setattr("app.store.database.BUSY_SECONDS", 0.05)
    database, beside = Database.open(url), sqlite3.connect(tmp_path / "units.db", isolation_level=None)
    try:
        beside.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            await put(database, "impatient", "1")
        beside.execute("COMMIT")
        await put(database, "again", "1")
        assert (await found(database, "impatient"), await found(database, "again")) == (None, "1")
    finally:
        beside.close()
        await database.close()


async def test_nobody_waits_for_a_database_that_is_closed(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/units.db"
    await migrate(url)
    database = Database.open(url)
    await put(database, "one", "1")
    await database.close()
    with pytest.raises(RuntimeError, match="closed"):
        await put(database, "two", "2")


async def test_a_writer_in_another_process_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/units.db"
    await migrate(url)
    database, beside = Database.open(url), sqlite3.connect(tmp_path / "units.db", isolation_level=None)
    try:
        beside.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(put(database, "patient", "1"))
        await asyncio.sleep(0)
        beside.execute("COMMIT")
        await waiting
        assert (await database.ask(lambda connection: connection.execute(select(settings.c.value)))).all() == [("1",)]
    finally:
        beside.close()
        await database.close()

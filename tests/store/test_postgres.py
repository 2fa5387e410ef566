"""Units of work on PostgreSQL: connections that are at hand, statements without the library, changes that are made together."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import postgres
from app.store.changes import put
from app.store.database import Database
from app.store.postgres import Units, _together
from app.store.tables import groups, paces, settings

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]
_SETTING, _GROUP, _PACE = settings.insert(), groups.insert(), paces.insert()
_VALUE = select(settings.c.value).where(settings.c.name == bindparam("named"))
_RENAME = settings.update().where(settings.c.name == bindparam("named"))
_pid = text("SELECT pg_backend_pid()")


@pytest.fixture
async def ready(database: Database) -> Database:
    """A database whose statements are prepared."""

    async def twice(connection: AsyncConnection) -> None:
        for name in ("first", "second"):
            await connection.execute(_SETTING, {"name": name, "value": "1"})
            await connection.execute(_GROUP, {"name": name, "price_ratio": 1})
            await connection.execute(_PACE, {"adapter": name, "upstream_model": name, "seconds": 1.0, "count": 1})
            await connection.execute(_RENAME, {"named": name, "value": "2"})
            await connection.execute(_VALUE, {"named": name})

    await database.commit(twice)
    return database


def units(database: Database) -> Units:
    assert isinstance(database._written, Units)
    return database._written


async def put_three(connection: AsyncConnection, name: str = "third") -> None:
    await put(connection, _SETTING, {"name": name, "value": "3"})
    await put(connection, _GROUP, {"name": name, "price_ratio": 3})
    await put(connection, _PACE, {"adapter": name, "upstream_model": name, "seconds": 3.0, "count": 3})


async def stored(database: Database, name: str) -> tuple[str | None, int, int]:
    """The setting, and how many of the other two there are."""
    async with database.read() as connection:
        value = (await connection.execute(_VALUE, {"named": name})).scalar_one_or_none()
        of_group = (await connection.execute(select(groups).where(groups.c.name == name))).all()
        of_pace = (await connection.execute(select(paces).where(paces.c.adapter == name))).all()
    return value, len(of_group), len(of_pace)


async def heard(database: Database, work: Callable[[AsyncConnection], Awaitable[object]]) -> list[str]:
    """What the server is told during a unit of work."""
    told: list[str] = []
    driver = units(database)._idle[-1]._driver
    with driver.query_logger(lambda record: told.append(record.query)):
        await database.commit(work)
        await asyncio.sleep(0)  # the logger hears of a statement in the next turn
    return [sql.partition(" ")[0].rstrip(";") for sql in told]


async def test_what_is_put_is_one_statement_before_the_commit(ready: Database) -> None:
    assert await heard(ready, put_three) == ["BEGIN", "WITH", "COMMIT"]
    assert await stored(ready, "third") == ("3", 1, 1)


async def test_a_question_sees_what_was_put_before_it(ready: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await put_three(connection)
        assert (await connection.execute(_VALUE, {"named": "third"})).scalar_one() == "3"

    assert await heard(ready, work) == ["BEGIN", "WITH", "SELECT", "COMMIT"]


async def test_the_library_sees_what_was_put_before_it(ready: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await put_three(connection)
        assert (await connection.execute(text("SELECT count(*) FROM settings WHERE name = 'third'"))).scalar_one() == 1

    await ready.commit(work)


async def test_two_changes_of_one_table_stay_in_order(ready: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await put(connection, _SETTING, {"name": "third", "value": "3"})
        await put(connection, _GROUP, {"name": "third", "price_ratio": 3})
        await put(connection, _RENAME, {"named": "third", "value": "4"})
        assert (await connection.execute(_RENAME, {"named": "third", "value": "5"})).rowcount == 1

    assert await heard(ready, work) == ["BEGIN", "WITH", "UPDATE", "UPDATE", "COMMIT"]
    assert await stored(ready, "third") == ("5", 1, 0)


async def test_other_changes_need_not_wait_for_what_was_put(ready: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await put(connection, _GROUP, {"name": "third", "price_ratio": 3})
        await connection.execute(_RENAME, {"named": "first", "value": "4"})

    assert await heard(ready, work) == ["BEGIN", "UPDATE", "INSERT", "COMMIT"]


async def test_what_is_put_and_refused_leaves_nothing(ready: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        await ready.commit(lambda connection: put_three(connection, "first"))
    assert "first" not in str(caught.value)
    assert await stored(ready, "first") == ("2", 1, 1)
    await ready.commit(put_three)
    assert await stored(ready, "third") == ("3", 1, 1)


async def test_what_is_put_is_made_in_its_order(database_url: str) -> None:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    names = ("a", "b", "c", "d")
    try:
        await connection.execute("CREATE TEMP SEQUENCE turn")
        for name in names:
            await connection.execute(f"CREATE TEMP TABLE {name} (x INT, turn INT DEFAULT nextval('turn'))")
        sql = _together(tuple((f"INSERT INTO {name} (x) VALUES ($1::INT)", 1) for name in names))
        await connection.execute(sql, 10, 20, 30, 40)
        rows = [await connection.fetchrow(f"SELECT x, turn FROM {name}") for name in names]
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [(10, 1), (20, 2), (30, 3), (40, 4)]


async def test_a_failure_that_the_work_hides_is_no_commit(ready: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await put(connection, _GROUP, {"name": "third", "price_ratio": 3})
        with pytest.raises(IntegrityError):
            await connection.execute(_SETTING, {"name": "first", "value": "1"})

    with pytest.raises(DBAPIError):
        await ready.commit(work)

    async def nothing_put(connection: AsyncConnection) -> None:
        with pytest.raises(IntegrityError):
            await connection.execute(_SETTING, {"name": "first", "value": "1"})

    with pytest.raises(DBAPIError, match="ROLLBACK"):
        await ready.commit(nothing_put)
    assert await stored(ready, "third") == (None, 0, 0)


async def test_a_cancelled_unit_leaves_nothing_and_its_connection_is_used_again(ready: Database) -> None:
    inside = asyncio.Event()

    async def never_ending(connection: AsyncConnection) -> None:
        await connection.execute(_SETTING, {"name": "third", "value": "3"})
        inside.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(ready.commit(never_ending))
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await stored(ready, "third") == (None, 0, 0)
    await ready.commit(put_three)
    assert (await stored(ready, "third"), len(units(ready)._idle)) == (("3", 1, 1), 1)


async def test_a_statement_can_be_cancelled_by_whoever_waits_for_it(ready: Database) -> None:
    """The row is locked by somebody else."""
    async with ready.write() as connection:
        await connection.execute(_RENAME, {"named": "first", "value": "4"})
        waiting = asyncio.create_task(ready.commit(lambda unit: unit.execute(_RENAME, {"named": "first", "value": "5"})))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.2)
    assert (await stored(ready, "first"))[0] == "4"
    assert (await ready.commit(lambda unit: unit.execute(_RENAME, {"named": "first", "value": "6"}))).rowcount == 1


async def test_a_connection_that_the_server_closed_is_replaced(ready: Database) -> None:
    before = (await ready.ask(lambda connection: connection.execute(_pid))).scalar_one()
    driver, closed = units(ready)._idle[-1]._driver, asyncio.Event()
    driver.add_termination_listener(lambda _: closed.set())
    async with ready.write() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": before})
    await asyncio.wait_for(closed.wait(), 5)
    await ready.commit(put_three)
    assert await stored(ready, "third") == ("3", 1, 1)
    assert (await ready.ask(lambda connection: connection.execute(_pid))).scalar_one() != before


async def test_a_server_that_goes_in_the_middle_is_an_error_of_the_database(ready: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        own = (await connection.execute(_pid)).scalar_one()
        async with ready.write() as beside:
            await beside.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
        await connection.execute(_SETTING, {"name": "third", "value": "3"})

    with pytest.raises(DBAPIError):
        await ready.commit(work)
    await ready.commit(put_three)
    assert await stored(ready, "third") == ("3", 1, 1)


async def test_an_old_connection_is_given_back(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    old = units(ready)._idle[-1]
    monkeypatch.setattr(postgres, "_AGE", 0.0)
    await ready.commit(put_three)
    assert units(ready)._idle[-1] is not old
    assert old._connection.closed


async def test_who_finds_no_connection_for_too_long_hears_so(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_PATIENCE", 0.05)
    asleep = [asyncio.create_task(ready.ask(lambda _: asyncio.Event().wait())) for _ in range(10)]
    await asyncio.sleep(0)  # each has its turn to ask for a connection
    with pytest.raises(PoolTimeout, match="No connection"):
        await ready.commit(put_three)
    for task in asleep:
        task.cancel()
    await asyncio.gather(*asleep, return_exceptions=True)
    await ready.commit(put_three)


async def test_more_units_than_connections_take_turns(ready: Database) -> None:
    await asyncio.gather(*(ready.commit(lambda unit, n=n: put_three(unit, f"name {n}")) for n in range(60)))  # type: ignore[misc]
    assert [await stored(ready, f"name {n}") for n in (0, 59)] == [("3", 1, 1)] * 2
    assert len(units(ready)._idle) <= 10

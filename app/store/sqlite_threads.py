"""SQLite's fast way: a whole unit of work in one visit to a thread, and one commit for all that gathered during the last one.

Each visit to a thread and each `await` of a statement costs more than a small statement does, and a durable commit more than all
of them. A unit of work is written as for any other database, `async` with `await connection.execute(…)`; as it never has to wait
here, it is driven to its end by hand, without an event loop. It must wait for nothing else, and change nothing but the database:
where another one of its batch fails half-way, it is done once more.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from threading import local
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import URL, Connection, CursorResult, Dialect, Executable, NullPool, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.errands import Errands
from app.store.prepared import Statements

Found = TypeVar("Found")
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[Found]]
_MOST = 64  # units of work in one commit: a longer batch would make writers in other processes wait
_READERS = 2


class _AtHand:
    """What a unit of work sees: a connection whose `execute` answers at once."""

    __slots__ = ("_connection", "_statements", "driver")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statements = Statements()
        self.driver = cast(sqlite3.Connection, connection.connection.driver_connection)

    def close(self) -> None:
        self._connection.close()

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        prepared = self._statements.of(statement, parameters, self._connection.dialect)
        if prepared is None:
            return self._connection.execute(statement, parameters)
        return cast(CursorResult[Any], prepared.execute(self.driver, parameters))


def driven(work: Work[Found], connection: _AtHand) -> Found:
    """What the work finds; RuntimeError for work that waits for something else than the database."""
    running = cast(Coroutine[Any, Any, Found], work(cast(AsyncConnection, connection)))
    try:
        running.send(None)
    except StopIteration as end:
        return cast(Found, end.value)
    running.close()
    raise RuntimeError("a unit of work waited for something else than the database")


class Readers:
    """A few threads, each with a connection of its own; every statement sees what is committed when it starts."""

    def __init__(self, url: URL, busy_seconds: float, pragmas: Sequence[str]) -> None:
        self._open = partial(_opened, url, busy_seconds, pragmas)
        self._threads = Errands("sqlite-reader", _READERS)
        self._own = local()
        self._connections: list[_AtHand] = []

    async def ask(self, work: Work[Found]) -> Found:
        """What the work finds."""
        return await self._threads.run(partial(self._asked, work))

    async def close(self) -> None:
        """Closes every connection."""
        await self._threads.close()
        for connection in self._connections:
            connection.close()

    def _asked(self, work: Work[Found]) -> Found:
        connection: _AtHand | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._open()
            self._connections.append(connection)
        return driven(work, connection)


class Writer:
    """One thread that writes. Whoever holds `turn` keeps it from beginning: this process's other writer does."""

    def __init__(self, url: URL, busy_seconds: float, pragmas: Sequence[str]) -> None:
        self._open = partial(_opened, url, busy_seconds, pragmas)
        self.turn = asyncio.Lock()
        self._thread = Errands("sqlite-writer", 1)
        self._connection: _AtHand | None = None
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def write(self, work: Work[Found]) -> Found:
        """What the work finds, once it is durable; nothing of it is left when it raises. It may be run twice, the first in vain."""
        done: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="sqlite writer")
        return await done

    async def close(self) -> None:
        """Writes what waits, and closes the connection."""
        if self._writing is not None:
            await self._writing
        if self._connection is not None:
            await self._thread.run(self._connection.close)
        await self._thread.close()

    async def _write(self) -> None:
        batch: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        try:
            while self._waiting:
                async with self.turn:
                    batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
                    found = await self._thread.run(partial(self._committed, [work for work, _ in batch]))
                for (_, done), (result, error) in zip(batch, found, strict=True):
                    _tell(done, result, error)
        except RuntimeError as error:  # the thread is gone: the database was closed, and nobody shall wait for ever
            for _, done in (*batch, *self._waiting):
                _tell(done, None, error)
            self._waiting.clear()
        finally:
            self._writing = None

    def _committed(self, batch: Sequence[Work[Any]]) -> list[tuple[Any, BaseException | None]]:
        """What each unit found or raised, after one commit; what ends the transaction itself is raised to all."""
        try:
            if self._connection is None:
                self._connection = self._open()
            return self._in_one_transaction(batch, self._connection)
        except sqlite3.Error as error:  # of BEGIN or COMMIT: others know the library's errors
            return [(None, OperationalError("the transaction", {}, error, hide_parameters=True))] * len(batch)
        except Exception as error:  # noqa: BLE001  # whoever waits for the commit has to hear why there was none
            return [(None, error)] * len(batch)

    def _in_one_transaction(self, batch: Sequence[Work[Any]], connection: _AtHand) -> list[tuple[Any, BaseException | None]]:
        # A savepoint around each unit costs as much as a statement, twice, and what fails mostly does so before it has written
        # anything. Where something has been written, everything is undone and done once more, with savepoints.
        for unit in (_tried, _saved):
            driver = connection.driver
            driver.execute("BEGIN IMMEDIATE")
            try:
                found = [unit(work, connection, driver) for work in batch]
                driver.execute("COMMIT")
            except _HalfWritten:
                continue
            else:
                return found
            finally:
                if driver.in_transaction:
                    driver.execute("ROLLBACK")
        raise AssertionError("a savepoint undoes what a unit of work has written")


class _HalfWritten(Exception):  # not an error: the batch is written in another way
    """A unit of work failed after it had written something."""


def _tried(work: Work[Any], connection: _AtHand, driver: sqlite3.Connection) -> tuple[Any, BaseException | None]:
    before = driver.total_changes
    try:
        return driven(work, connection), None
    except Exception as error:
        if not driver.in_transaction:  # a full disk, say: SQLite has undone everything, of the other units too
            raise
        if driver.total_changes != before:
            raise _HalfWritten from error
        return None, error


def _saved(work: Work[Any], connection: _AtHand, driver: sqlite3.Connection) -> tuple[Any, BaseException | None]:
    driver.execute("SAVEPOINT unit")
    try:
        result = driven(work, connection)
    except Exception as error:
        if not driver.in_transaction:  # as above
            raise
        driver.execute("ROLLBACK TO unit")
        driver.execute("RELEASE unit")
        return None, error
    driver.execute("RELEASE unit")
    return result, None


def _tell(done: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if done.done():  # whoever asked has left; what was written stays
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


def _opened(url: URL, busy_seconds: float, pragmas: Sequence[str]) -> _AtHand:
    """A connection in the driver's autocommit mode: a transaction is what BEGIN and COMMIT say."""
    path = url.database or ""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = create_engine(
        url.set(drivername="sqlite"),
        creator=connect,
        poolclass=NullPool,
        hide_parameters=True,  # else every error, and so the log, would repeat the row
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
    )
    return _AtHand(engine.connect())

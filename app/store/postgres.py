"""PostgreSQL's fast way: a unit of work on a connection that is kept at hand, its statements handed to the driver as they are.

What the library does around each statement, and to lend out a connection, takes several times as long as the driver does. What is
not prepared (see `prepared`) goes through the library all the same, on the same connection. That leaves beginning and ending a
transaction to us, and leans on one protected name of the library's: `_asyncpg_error_translate`.
"""

import asyncio
import itertools
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import URL, CursorResult, Dialect, Executable, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.store.prepared import Change, Outcome, Parameters, Question, Statements

Found = TypeVar("Found")
Answer = TypeVar("Answer")
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[Found]]
_MOST = 10  # connections at hand: half of all
_PATIENCE = 30.0  # seconds that a unit of work waits for one
_AGE = 1800.0  # seconds after which one is replaced
_PARAMETER = re.compile(r"\$(\d+)")


def postgres_engine(url: URL, **options: object) -> AsyncEngine:
    """The library's way to the database, connecting when first used."""
    engine = create_async_engine(
        url, pool_size=10, max_overflow=10, pool_timeout=_PATIENCE, pool_recycle=int(_AGE), skip_autocommit_rollback=True, **options
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def refuse_closed(connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        """After a restart of the server its old connections are known to be closed; finding out costs no round trip."""
        driver = record.driver_connection
        if driver is not None and driver.is_closed():
            raise DisconnectionError("The server has closed this connection.")

    return engine


class _AtHand:
    """What a unit of work sees of its connection. To the library it is in autocommit mode: transactions are ours."""

    __slots__ = ("_connection", "_driver", "_opened", "_statements")

    def __init__(self, connection: AsyncConnection, driver: Any, statements: Statements) -> None:
        self._connection = connection
        self._driver = driver
        self._statements = statements
        self._opened = time.monotonic()

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    @property
    def usable(self) -> bool:
        """Neither the server has closed it nor, after a statement that was cancelled, the library; and it is not too old."""
        known = not self._driver.is_closed() and not self._connection.invalidated
        return known and time.monotonic() - self._opened < _AGE

    def prepared(self, statement: Executable, parameters: Any) -> Change | Question | None:
        return self._statements.of(statement, parameters, self.dialect)

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        prepared = self.prepared(statement, parameters)
        if prepared is None:
            return await self._connection.execute(statement, parameters)
        values = prepared.bound(parameters)
        if isinstance(prepared, Question):
            return cast(CursorResult[Any], prepared.read(await self._told(self._driver.fetch, prepared.sql, *values)))
        if prepared.returns:
            rows = await self._told(self._driver.fetch, prepared.sql, *values)
            return cast(CursorResult[Any], Outcome(rows, len(rows)))
        return cast(CursorResult[Any], Outcome((), await self.change(prepared.sql, values)))

    async def change(self, sql: str, values: Sequence[Any]) -> int:
        """Executes what the driver understands as it is; returns how many rows were touched."""
        return int((await self._told(self._driver.execute, sql, *values)).rpartition(" ")[2])

    async def say(self, word: str) -> None:
        """BEGIN, COMMIT or ROLLBACK. Raises the library's error, also where a COMMIT finds that a statement had failed."""
        done = await self._told(self._driver.execute, f"{word};")  # as the driver itself writes it
        if done != word:
            raise DBAPIError(word, None, RuntimeError(f"the server answered {done}"))

    async def close(self) -> None:
        if self._driver.is_closed():
            await self._connection.invalidate()
        await self._connection.close()

    async def _told(self, tell: Callable[..., Awaitable[Answer]], sql: str, *values: Any) -> Answer:
        try:
            return await tell(sql, *values)
        except Exception as error:
            translated = self._translated(sql, error)
            if translated is None:
                raise
            raise translated from error

    def _translated(self, sql: str, error: Exception) -> Exception | None:
        """The library's error for the driver's; None for one of another kind, of the network say."""
        library: Any = self.dialect.dbapi
        kinds: dict[type, type[Exception]] = library._asyncpg_error_translate
        kind = next((kinds[ancestor] for ancestor in type(error).__mro__ if ancestor in kinds), None)
        if kind is None:
            return None
        wrapped = kind(error.args[0], error)
        return DBAPIError.instance(sql, None, wrapped, library.Error, hide_parameters=True, dialect=self.dialect)


class _Transaction:
    """What a unit of work sees that writes: whatever is `put` goes to the database in one statement at the end."""

    __slots__ = ("_at_hand", "_waiting")

    def __init__(self, at_hand: _AtHand) -> None:
        self._at_hand = at_hand
        self._waiting: list[tuple[Change, list[Any]]] = []

    @property
    def dialect(self) -> Dialect:
        return self._at_hand.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        if self._waiting and not self._apart(self._at_hand.prepared(statement, parameters)):
            await self.flush()
        return await self._at_hand.execute(statement, parameters)

    async def put(self, statement: Executable, parameters: Parameters) -> None:
        """See `changes.put`."""
        prepared = self._at_hand.prepared(statement, parameters)
        if isinstance(prepared, Change) and self._apart(prepared):
            self._waiting.append((prepared, prepared.bound(parameters)))
        else:
            await self.execute(statement, parameters)

    async def flush(self) -> None:
        """Makes the changes that wait."""
        if self._waiting:
            changes, self._waiting = self._waiting, []
            sql = _together(tuple((change.sql, len(values)) for change, values in changes))
            await self._at_hand.change(sql, [value for _, values in changes for value in values])

    def _apart(self, prepared: Change | Question | None) -> bool:
        """Whether this has nothing to do with what waits: a question may ask for it, and two changes of a row need an order."""
        return isinstance(prepared, Change) and all(prepared.table is not change.table for change, _ in self._waiting)


@lru_cache(maxsize=100)
def _together(changes: tuple[tuple[str, int], ...]) -> str:
    """One statement that makes all these changes, each with so many parameters, in this order.

    PostgreSQL begins with the main one, then goes from the last to the first. Others lock the same rows in the same order: in
    another one they could wait for each other.
    """
    before = itertools.accumulate((count for _, count in changes), initial=0)
    first, *others = (_numbered_on(sql, count) for (sql, _), count in zip(changes, before, strict=False))
    named = ", ".join(f"change_{number} AS ({sql})" for number, sql in enumerate(reversed(others)))
    return f"WITH {named} {first}" if named else first


def _numbered_on(sql: str, before: int) -> str:
    """The statement with its parameters ($1, $2, …) numbered after so many others."""
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + before}", sql)


class Units:
    """Runs units of work, each alone on its connection while it lasts; `engine` is one in autocommit mode."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._statements = Statements()
        self._room = asyncio.Semaphore(_MOST)
        self._idle: list[_AtHand] = []
        self._undoing: set[asyncio.Task[None]] = set()  # the loop alone would forget them

    async def ask(self, work: Work[Found]) -> Found:
        """What the work finds; each of its statements sees what is committed when it starts."""
        at_hand = await self._lend()
        try:
            return await work(cast(AsyncConnection, at_hand))
        finally:
            self._take_back(at_hand)

    async def write(self, work: Work[Found]) -> Found:
        """What the work finds, once it is durable; nothing of it is left when it raises."""
        at_hand = await self._lend()
        try:
            await at_hand.say("BEGIN")
            transaction = _Transaction(at_hand)
            found = await work(cast(AsyncConnection, transaction))
            await transaction.flush()
            await at_hand.say("COMMIT")
        except BaseException:
            undoing = asyncio.create_task(self._undo(at_hand), name="rollback")
            self._undoing.add(undoing)
            undoing.add_done_callback(self._undoing.discard)
            await asyncio.shield(undoing)  # whoever is cancelled must not leave a transaction open
            raise
        self._take_back(at_hand)
        return found

    async def close(self) -> None:
        """Closes every connection that is not at work."""
        while self._idle:
            await self._idle.pop().close()

    async def _undo(self, at_hand: _AtHand) -> None:
        with suppress(SQLAlchemyError, OSError):
            await at_hand.say("ROLLBACK")
        self._take_back(at_hand)

    async def _lend(self) -> _AtHand:
        if self._room.locked():
            await self._wait()
        else:
            await self._room.acquire()  # at once
        try:
            while self._idle:
                at_hand = self._idle.pop()
                if at_hand.usable:
                    return at_hand
                await at_hand.close()
            return await self._opened()
        except BaseException:
            self._room.release()
            raise

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._room.acquire()
        except TimeoutError as error:
            raise PoolTimeout(f"No connection to the database became free within {_PATIENCE:.0f} seconds.") from error

    async def _opened(self) -> _AtHand:
        connection = await self._engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
        return _AtHand(connection, driver, self._statements)

    def _take_back(self, at_hand: _AtHand) -> None:
        self._idle.append(at_hand)
        self._room.release()

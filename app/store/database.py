"""Opens the database: pools, transactions and the settings under which a commit is durable."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sqlalchemy import URL, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.store.sqlite import begin_immediately, connect
from app.store.sqlite_threads import Found, Readers, Work, Writer

if TYPE_CHECKING:
    from app.store.postgres import Units

BUSY_SECONDS = 30.0  # how long a SQLite writer waits for one in another process

_READS = ("query_only = ON", "temp_store = MEMORY")
_SMALL = "cache_size = -400"  # KB instead of 2,000, for connections that are asked seldom
# What a statement that fails half-way would have to undo goes to a temporary file as soon as it is larger than 64 KB: of all that
# a busy gateway writes, three quarters.
_WRITES = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY")
_QUIET = {"hide_parameters": True}  # else every error, and so the log, would repeat the row: prompts, hashes, answers
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg"}


class Database:
    """The one way to the database: `read()` for questions, `write()` for one transaction.

    `ask` and `commit` do the same for a unit of work that is one function and waits for the database alone; they are several
    times cheaper. A task inside `write()` must open no second transaction: on SQLite there is one writer in a process, and it
    would wait for itself.
    """

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine, asked: "Readers | Units", written: "Writer | Units") -> None:
        self._reader = reader
        self._writer = writer
        self._asked = asked
        self._written = written
        self._turn: AbstractAsyncContextManager[None] = written.turn if isinstance(written, Writer) else nullcontext()

    @classmethod
    def open(cls, url: str) -> "Database":
        """A database by its URL; connects when first used. The folder of a SQLite file is made if missing."""
        target = async_url(url)
        if target.get_backend_name() == "sqlite":
            Path(target.database or "").parent.mkdir(parents=True, exist_ok=True)
            readers, writer = Readers(target, BUSY_SECONDS, _READS), Writer(target, BUSY_SECONDS, _WRITES)
            return cls(_sqlite_reader(target), _sqlite_writer(target), readers, writer)
        from app.store.postgres import Units, postgres_engine  # its driver is megabytes that a gateway on SQLite does without

        engine = postgres_engine(target, **_QUIET)
        reader = engine.execution_options(isolation_level="AUTOCOMMIT")
        units = Units(reader)
        return cls(reader, engine, units, units)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; each statement sees what is committed when it starts."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in one transaction: durable when the block is left, undone when it raises."""
        async with self._turn, self._writer.begin() as connection:
            yield connection

    async def ask(self, work: Work[Found]) -> Found:
        """What the work finds; each of its statements sees what is committed when it starts."""
        return await self._asked.ask(work)

    async def commit(self, work: Work[Found]) -> Found:
        """What the work finds, in one transaction: durable when this returns, undone when the work raises.

        On SQLite it runs in a thread, together with whatever else waits to be written.
        """
        return await self._written.write(work)

    async def close(self) -> None:
        """Closes every connection."""
        await self._written.close()
        await self._asked.close()
        await self._reader.dispose()
        await self._writer.dispose()


def async_url(url: str) -> URL:
    """The URL with our drivers in it; also reads the forms that hosting services and libpq write.

    Raises ValueError for another kind of database, and for SQLite in memory, which several connections cannot share.
    """
    target = make_url(url)
    backend = target.get_backend_name()
    driver = _DRIVERS.get(backend)
    if driver is None:
        raise ValueError(f"The database must be SQLite or PostgreSQL, not {backend}.")
    target = target.set(drivername=driver)
    if backend == "sqlite":
        if target.database in (None, "", ":memory:"):
            raise ValueError("A SQLite database must be a file.")
        return target
    return _without_libpq_words(target)


def _without_libpq_words(target: URL) -> URL:
    if target.host and unquote(target.host).startswith("/"):  # postgresql://%2Fvar%2Frun%2Fpostgresql/name
        target = target.update_query_dict({"host": unquote(target.host)})  # wins over the host of the URL
    mode = target.query.get("sslmode")
    if mode is not None:
        target = target.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return target


def _sqlite_reader(url: URL) -> AsyncEngine:
    engine = _sqlite(url, pool_size=4, skip_autocommit_rollback=True)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        execute_pragmas(connection, *_READS, _SMALL)

    return engine


def _sqlite_writer(url: URL) -> AsyncEngine:
    engine = _sqlite(url, pool_size=1)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        execute_pragmas(connection, *_WRITES, _SMALL)

    begin_immediately(engine)
    return engine


def _sqlite(url: URL, **options: object) -> AsyncEngine:
    return create_async_engine(
        url, max_overflow=0, pool_timeout=60, async_creator=lambda: connect(url, BUSY_SECONDS), **_QUIET, **options
    )


def execute_pragmas(connection: DBAPIConnection, *pragmas: str) -> None:
    """Sets SQLite pragmas on a fresh connection."""
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()

"""Brings a database to the newest schema; safe to run from several processes at once."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import URL, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from app.store.database import Database, async_url, execute_pragmas
from app.store.sqlite import begin_immediately, connect
from app.store.versions import current_revision, folder, newest_revision

if sys.platform != "win32":
    import fcntl

_LOCK_NUMBER = 7_046_325_561  # any number that no other program of ours takes on the same PostgreSQL server
_BUSY_SECONDS = 600.0  # a big table may take minutes to change
_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps the running migration in a module of its own


async def migrate(url: str) -> None:
    """Applies what the database lacks, all or nothing; waits while another process does so. Runs in a thread.

    Raises ValueError for a database that a newer version has changed.
    """
    if not await is_current(url):
        await asyncio.to_thread(_upgrade, url)


async def is_current(url: str) -> bool:
    """Whether nothing is to be done; only asks, and a database that cannot even be asked is left to who migrates."""
    if _is_new(async_url(url)):
        return False
    database = Database.open(url)
    try:
        async with database.read() as connection:
            return await connection.run_sync(current_revision) == newest_revision()
    except (SQLAlchemyError, OSError):
        return False
    finally:
        await database.close()


def _is_new(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def _upgrade(url: str) -> None:
    # 7 MB and a tenth of a second that only a migration needs
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["url"] = url
    with _ONE_AT_A_TIME:
        try:
            command.upgrade(config, "head")
        except CommandError as error:  # a revision that this program has not
            raise ValueError(f"The database was made by a newer version of Filmgate than this one: {error}") from error


@asynccontextmanager
async def sole_connection(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection in one transaction, which only one process at a time can have; the others wait."""
    target = async_url(url)
    opened = _sqlite(target) if target.get_backend_name() == "sqlite" else _postgres(target)
    async with opened as connection:
        yield connection


@asynccontextmanager
async def _postgres(url: URL) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        yield connection


@asynccontextmanager
async def _sqlite(url: URL) -> AsyncIterator[AsyncConnection]:
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, poolclass=NullPool, async_creator=lambda: connect(url, _BUSY_SECONDS))

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # Foreign keys are off, because rebuilding a table drops the old one, and that would empty the tables that refer to it.
        execute_pragmas(connection, "journal_mode = WAL", "synchronous = FULL", "foreign_keys = OFF")

    begin_immediately(engine)
    with _file_lock(path.with_name(f"{path.name}.migrate.lock")):
        async with engine.begin() as connection:
            yield connection


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """Blocks its thread. Needed beside the transaction: turning a new file to WAL fails at once when two do it together."""
    if sys.platform == "win32":
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

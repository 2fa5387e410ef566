"""Real databases for tests: SQLite in a temporary folder, and PostgreSQL where a server answers.

Each test gets a migrated, empty database of its own: on SQLite a copy of one that the test process migrated once, on
PostgreSQL one that the process migrated once and empties after each test. The server is FILMGATE_TEST_POSTGRES (the URL of
a database from which others may be created), else 127.0.0.1:5432 without a password. Without a server the PostgreSQL half
is skipped; under CI it fails.
"""

import asyncio
import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from sqlalchemy import make_url

from app.store.database import Database
from app.store.migrate import migrate
from app.store.tables import metadata, revision

KINDS = ("sqlite", "postgresql")

_Result = TypeVar("_Result")
_PREFIX = f"filmgate_test_{os.getpid()}"
_numbers = itertools.count(1)
_idle: list[str] = []  # migrated, empty PostgreSQL databases of this process


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database, once on SQLite and once on PostgreSQL."""
    with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table, once on SQLite and once on PostgreSQL."""
    with empty_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, opened."""
    opened = Database.open(database_url)
    yield opened
    await opened.close()


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a migrated, empty database that lives as long as the block."""
    if kind == "sqlite":
        path = folder / "filmgate.db"
        shutil.copyfile(_sqlite_template(), path)
        yield _sqlite_url(path)
        return
    url = _idle.pop() if _idle else _migrated_on_postgres()
    yield url
    _run(_empty(url))
    _idle.append(url)


def migrated_in(folder: Path) -> None:
    """Puts a migrated, empty database where a gateway with this data folder looks for one, unless it has one already.

    The gateway still looks whether something is left to migrate. That a first start makes its own database is proven by
    `tests/store/test_migrate.py`, and by `tests/cli/test_serve.py` with an empty folder.
    """
    path = folder / "filmgate.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_sqlite_template(), path)


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a database without any table (on SQLite: of no file yet) that lives as long as the block."""
    if kind == "sqlite":
        yield _sqlite_url(folder / "new" / "filmgate.db")
        return
    with _created_on_postgres() as url:
        yield url


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "template.db"
    _run(migrate(_sqlite_url(path)))
    return path


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def _migrated_on_postgres() -> str:
    server = _answering_server()
    url = _run(_create(server))
    atexit.register(lambda: asyncio.run(_drop(server, url)))  # at exit no thread can be started
    _run(migrate(url))
    return url


@contextmanager
def _created_on_postgres() -> Iterator[str]:
    server = _answering_server()
    url = _run(_create(server))
    try:
        yield url
    finally:
        _run(_drop(server, url))


async def _create(server: str) -> str:
    name = f"{_PREFIX}_{next(_numbers)}"
    await _command(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
    return str(make_url(server).set(database=name).render_as_string(hide_password=False))


async def _drop(server: str, url: str) -> None:
    await _command(server, f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')


async def _empty(url: str) -> None:
    """Takes all rows away, after ending whatever the test left running; the one row that a migration wrote starts anew."""
    others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    filled = [table.name for table in reversed(metadata.sorted_tables) if table is not revision]
    deletes = "".join(f'DELETE FROM "{name}";' for name in filled)
    await _command(url, f"{others} pg_backend_pid(); {deletes} UPDATE revision SET value = 0")


def _answering_server() -> str:
    server = _server()
    if server is not None:
        return server
    reason = "no PostgreSQL server answers (set FILMGATE_TEST_POSTGRES)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def _server() -> str | None:
    given = os.environ.get("FILMGATE_TEST_POSTGRES")
    users = [user] if (user := os.environ.get("PGUSER")) else ["root", "postgres"]
    for url in [given] if given else [f"postgresql://{user}@127.0.0.1:5432/postgres" for user in users]:
        try:
            _run(_command(url, "SELECT 1"))
        except (OSError, asyncpg.PostgresError):
            continue
        return url
    return None


async def _command(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _run(work: Coroutine[object, object, _Result]) -> _Result:
    """Runs it in a thread of its own, because the test's event loop belongs to the test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()

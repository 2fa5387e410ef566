"""A whole database as one file, and back: SQLite by its own online copy, PostgreSQL by pg_dump and pg_restore."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import tables, workers
from app.store.database import BUSY_SECONDS, Database, async_url

_SIDES = ("-wal", "-shm")  # what SQLite keeps beside its file
_OPTIONS = ("--no-owner", "--no-privileges")  # the copy belongs to whoever restores it


class DumpFailed(OSError):
    """A program of PostgreSQL is not there or did not do it, or a copy is damaged; the message says what to do."""


async def dump(url: str, target: Path) -> None:
    """Writes everything that is committed now to a new file, while others go on writing. Raises DumpFailed, OSError."""
    source = async_url(url)
    if source.get_backend_name() == "sqlite":
        await asyncio.to_thread(_copy, Path(source.database or ""), target)
        return
    await _tool("pg_dump", source, *_OPTIONS, "--format=custom", f"--file={target}")


async def load(url: str, source: Path) -> None:
    """Puts what `dump` wrote in the place of our tables; the file itself may be gone afterwards. Nobody may be using the database.

    Raises DumpFailed, OSError.
    """
    target = async_url(url)
    if target.get_backend_name() == "sqlite":
        await asyncio.to_thread(_replace, source, Path(target.database or ""))
        return
    await _tool("pg_restore", None, "--list", str(source))  # readable at all, before anything is dropped
    database = Database.open(url)
    try:
        async with database.write() as connection:
            await _drop_tables(connection)
    finally:
        await database.close()
    await _tool(
        "pg_restore", target, *_OPTIONS, "--single-transaction", "--exit-on-error", f"--dbname={target.database}", str(source)
    )


def is_there(url: str) -> bool:
    """Whether a database can be asked: a SQLite file would be made by that."""
    target = async_url(url)
    return target.get_backend_name() != "sqlite" or Path(target.database or "").exists()


async def is_empty(database: Database) -> bool:
    """Whether there is no table at all."""
    async with database.read() as connection:
        return not await connection.run_sync(_table_names)


async def is_used(database: Database, since: datetime) -> bool:
    """Whether the heart of some gateway has beaten on it since then."""
    async with database.read() as connection:
        if tables.workers.name not in await connection.run_sync(_table_names):
            return False
        return any(worker.beat_at >= since for worker in await workers.every(connection))


def _table_names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


async def _drop_tables(connection: AsyncConnection) -> None:
    """Ours alone: tables of a later version than the copy's would be in its way."""
    names = ", ".join(f'"{name}"' for name in (*tables.metadata.tables, "alembic_version"))
    await connection.execute(text(f"DROP TABLE IF EXISTS {names} CASCADE"))


def _copy(source: Path, target: Path) -> None:
    # rw: reading a file in WAL mode may need its side files made; but a database that is not there must not be made
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without anything beside it
        if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise DumpFailed(f"The copy of {source} is damaged, and so is the database: see https://sqlite.org/recovery.html")


def _replace(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for side in _SIDES:  # else SQLite would play the old database's last changes into the new one
        with suppress(FileNotFoundError):
            target.with_name(target.name + side).unlink()
    shutil.move(source, target)


async def _tool(program: str, url: URL | None, *arguments: str) -> None:
    """Runs a program of PostgreSQL; the way to the server goes by its environment, where no other user sees the password."""
    path = shutil.which(program)
    if path is None:
        raise DumpFailed(
            f"{program} is not here: install PostgreSQL's client programs (Debian: postgresql-client), not older than the server."
        )
    quiet, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        path, *arguments, env=os.environ | _way(url), stdin=quiet, stdout=quiet, stderr=pipe
    )
    _, said = await process.communicate()
    if process.returncode != 0:
        raise DumpFailed(f"{program} failed: {said.decode(errors='replace').strip() or f'it ended with {process.returncode}'}")


def _way(url: URL | None) -> dict[str, str]:
    """The server and database of a URL as libpq's variables (https://www.postgresql.org/docs/current/libpq-envars.html)."""
    if url is None:
        return {}
    host, mode = url.query.get("host", url.host), url.query.get("ssl")
    named = {"PGHOST": host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password, "PGDATABASE": url.database}
    return {name: str(value) for name, value in {**named, "PGSSLMODE": mode}.items() if value is not None}

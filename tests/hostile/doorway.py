"""Outages of a database while a gateway works with it: a door in front of PostgreSQL that can be shut, a held SQLite lock."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

from tests.servers import refused_port

_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_COMMIT = b"COMMIT;"  # as the driver writes it
_OF_JOBS = (b"INSERT INTO jobs", b"UPDATE jobs")  # as a connection hears them once, when they are prepared


@dataclass(slots=True)
class Doorway:
    """A TCP door to a database server. Shut, it resets every connection and refuses new ones, as a restarting server does.

    `lost_commits` commits of jobs reach the server, and its answer to them is lost with the connection; `commits` counts all
    commits. A gateway that has just started commits other things, too.
    """

    host: str
    target: int
    port: int
    commits: int = 0
    lost_commits: int = 0
    _server: asyncio.Server | None = None
    _inside: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Lets connections in."""
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Throws everybody out."""
        if self._server is not None:
            self._server.close()
            self._server = None
        inside = list(self._inside)
        for task in inside:
            task.cancel()
        await asyncio.gather(*inside, return_exceptions=True)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._inside.add(task)
        try:
            server_reader, server_writer = await asyncio.open_connection(self.host, self.target)
            try:
                await self._carry(reader, writer, server_reader, server_writer)
            finally:
                server_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._inside.discard(task)
            writer.transport.abort()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        """Bytes both ways until one side ends, or the answer to a commit gets lost."""
        back = asyncio.create_task(_copy(server_reader, writer))
        of_jobs = False
        try:
            while data := await reader.read(65536):
                commit = _COMMIT in data
                self.commits += commit
                of_jobs = of_jobs or any(words in data for words in _OF_JOBS)
                lost = commit and of_jobs and self.lost_commits > 0
                of_jobs = of_jobs and not commit
                if lost:
                    self.lost_commits -= 1
                    back.cancel()
                    await asyncio.gather(back, return_exceptions=True)
                server_writer.write(data)
                await server_writer.drain()
                if lost:
                    await server_reader.read(1)  # it is done, and nobody hears of it
                    return
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def doorway(database_url: str) -> AsyncIterator[tuple[Doorway, str]]:
    """An open door to this PostgreSQL database, and the database's URL through it."""
    target = make_url(database_url)
    door = Doorway(target.host or "127.0.0.1", target.port or 5432, refused_port())
    await door.open()
    try:
        yield door, target.set(host="127.0.0.1", port=door.port).render_as_string(hide_password=False)
    finally:
        await door.shut()


@asynccontextmanager
async def storm(database_url: str, seconds: float) -> AsyncIterator[None]:
    """While the block runs, and for at least so long, PostgreSQL ends every connection to this database, again and again."""
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"))
    raging = asyncio.create_task(_rage(connection))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(seconds))
            yield
    finally:
        raging.cancel()
        await asyncio.gather(raging, return_exceptions=True)
        await connection.close()


async def _rage(connection: asyncpg.Connection) -> None:
    while True:
        await connection.execute(_TERMINATE)
        await asyncio.sleep(0.03)


@contextmanager
def held_lock(path: Path, seconds: float) -> Iterator[None]:
    """Another program holds SQLite's write lock for so long; the block begins when it has it."""
    has_it, enough = threading.Event(), threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        has_it.set()
        enough.wait(seconds)
        connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        has_it.wait()
        yield
    finally:
        thread.join()

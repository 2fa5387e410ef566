"""Gateways as processes of their own, to be killed: started as an operator starts them, prepared through the store."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.domain.channels import Channel
from app.domain.jobs import Job
from app.store import channels as channel_store
from app.store import jobs as job_store
from app.store import keys as key_store
from app.store import paces as pace_store
from app.store.database import Database
from app.store.migrate import migrate
from app.store.secrets import Vault
from tests.gateways import KEY

SECRET = "a secret of the hostile tests"
MODEL = "boat-model"
PATIENCE = 30.0  # seconds, for anything that has to happen
_SOON = 12.0  # seconds in which every job has to end; less than it takes until a silent process counts as dead
_ROOT = Path(__file__).parents[2]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(slots=True)
class GatewayProcess:
    """`filmgate serve` on a port of its own; `url` is where the latest start listens."""

    folder: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict)  # more of `FILMGATE_*`, without that prefix
    url: str = ""
    lines: list[str] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _silent: bool = True  # it has ended and will say no more
    _said: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    async def start(self) -> None:
        """Starts it and waits until it takes requests."""
        self.lines.clear()
        self._silent = False
        command = (sys.executable, "-m", "app", "serve", "--port", "0")
        pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self._environment(), stdout=pipe, stderr=both, limit=2**20
        )
        self._reader = asyncio.create_task(self._read(self._process))
        welcome = await self.says(_ADDRESS)
        self.url = welcome[0]
        async with httpx.AsyncClient(base_url=self.url) as client:
            await until(lambda: _ready(client))

    async def says(self, pattern: re.Pattern[str], since: int = 0) -> re.Match[str]:
        """Waits until a line of its output, counted from line `since`, holds this."""
        try:
            async with asyncio.timeout(PATIENCE), self._said:
                await self._said.wait_for(lambda: self._silent or any(map(pattern.search, self.lines[since:])))
        except TimeoutError:
            pass  # the assertion below says what there is instead
        found = [match for match in map(pattern.search, self.lines[since:]) if match]
        assert found, f"{pattern.pattern!r} is not in: {''.join(self.lines)}"
        return found[0]

    async def kill(self) -> None:
        """`kill -9`. It is waited for: a process that nobody waited for still has its id, and looks alive."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ends it, if it runs."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        process, reader = self._process, self._reader
        self._process = self._reader = None
        if process is None or reader is None:
            return
        process.send_signal(how)
        await process.wait()
        await reader

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            async with self._said:
                self.lines.append(line.decode(errors="replace"))
                self._said.notify_all()
        async with self._said:
            self._silent = True
            self._said.notify_all()

    def _environment(self) -> dict[str, str]:
        given = {
            "DATABASE_URL": self.database_url,
            "DATA_DIR": str(self.folder),
            "SECRET_KEY": SECRET,
            "ADMIN_KEY": "an admin key of the hostile tests",
            "LOG_LEVEL": "WARNING",
            "DRAIN_SECONDS": "5",
            **self.settings,
        }
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {**inherited, "PYTHONPATH": str(_ROOT), **{f"FILMGATE_{name}": value for name, value in given.items()}}


@asynccontextmanager
async def processes(*gateways: GatewayProcess) -> AsyncIterator[None]:
    """Starts them together; whatever runs at the end is ended."""
    try:
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        yield
    finally:
        await asyncio.gather(*(gateway.stop() for gateway in gateways))


async def prepare(database_url: str, channels: Sequence[Channel]) -> None:
    """The test key and these channels, in a migrated database; their models are known to be quick."""
    await migrate(database_url)
    async with opened(database_url) as database, database.write() as connection:
        for channel in channels:
            await channel_store.insert_one(connection, Vault((SECRET,)), channel)
        await key_store.insert_one(connection, KEY)
        await pace_store.put(connection, "openai", f"video/{MODEL}", 1.0)


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Database]:
    """The database, beside the gateways that use it."""
    database = Database.open(database_url)
    try:
        yield database
    finally:
        await database.close()


async def jobs_in(database: Database) -> list[Job]:
    """Every job row, the newest first."""
    async with database.read() as connection:
        return await job_store.admin_page(connection, limit=10_000)


async def all_ended(database: Database) -> list[Job]:
    """Every job row, once none is open any more."""

    async def none_open() -> bool:
        async with database.read() as connection:
            return await job_store.open_count(connection) == 0

    await until(none_open, _SOON)
    return await jobs_in(database)


async def until(condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> None:
    """Looks again and again, for at most `patience` seconds."""
    async with asyncio.timeout(patience):
        while not await condition():  # noqa: ASYNC110 - another process cannot set an event of ours
            await asyncio.sleep(0.05)


async def _ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False

"""A new version goes live under load: SIGHUP puts new worker processes in the place of the old ones, and no client notices."""

import asyncio
import re
import signal
import sys
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app.domain.jobs import JobStatus
from app.store import workers as worker_store
from app.store.database import Database
from tests.databases import fresh_database
from tests.fakes.counting import CountingVendor, uneven
from tests.gateways import CHANNEL, KEY_TEXT
from tests.hostile.processes import MODEL, GatewayProcess, all_ended, opened, prepare, processes, until
from tests.servers import serve

pytestmark = pytest.mark.anyio

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_KEY = {"authorization": f"Bearer {KEY_TEXT}"}
_EACH = 3  # clients of each kind
_SLOWEST = 0.3  # seconds that the vendor takes for a create, at most: some creates are under way whenever a worker leaves
_HESITATION = 0.2  # seconds between a connection and the request that comes over it, as over a long line
_RESTART = 120.0  # seconds that a slow machine may need to put two workers in the place of two others


@dataclass(slots=True)
class Visitors:
    """Clients that ask without a pause until they are told to leave; `failed` is what went wrong."""

    url: str
    made: list[str] = field(default_factory=list)
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    leaving: bool = False

    async def come(self) -> None:
        """All of them at once."""
        async with asyncio.TaskGroup() as group:
            for number in range(_EACH):
                group.create_task(self._order(number))
                group.create_task(self._hesitate())
                group.create_task(self._stay())

    async def _order(self, number: int) -> None:
        """Makes one video after the other and looks at it, each time over a new connection."""
        async with self._client(connection="close") as client:
            turn = 0
            while not self.leaving:
                turn += 1
                body = {"model": MODEL, "prompt": f"client {number}, turn {turn}"}
                made = await self._heard(client.post("/v1/videos", json=body))
                if made is not None:
                    self.made.append(made.json()["id"])
                    await self._heard(client.get(f"/v1/videos/{self.made[-1]}"))

    async def _stay(self) -> None:
        """Asks over one connection for as long as the server keeps it."""
        async with self._client() as client:
            while not self.leaving:
                await self._heard(client.get("/v1/models"))
                await asyncio.sleep(0.05)  # a client that thinks

    async def _hesitate(self) -> None:
        """Connects, and asks a moment later."""
        address = urlsplit(self.url)
        head = f"GET /v1/models HTTP/1.1\r\nhost: gate\r\nauthorization: {_KEY['authorization']}\r\nconnection: close\r\n\r\n"
        while not self.leaving:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                await asyncio.sleep(_HESITATION)
                writer.write(head.encode())
                self._count("after a moment", int((await reader.readline()).split()[1]))
            except (OSError, IndexError) as error:
                self.failed.append(f"after a moment: {error!r}")
            finally:
                writer.close()

    async def _heard(self, asked: Awaitable[httpx.Response]) -> httpx.Response | None:
        try:
            answer = await asked
        except httpx.TransportError as error:
            self.failed.append(repr(error))
            return None
        self._count(f"{answer.request.method} {answer.request.url.path}", answer.status_code)
        return answer if answer.status_code == 200 else None

    def _count(self, what: str, status: int) -> None:
        self.answered += 1
        if status != 200:
            self.failed.append(f"{what}: {status}")

    def _client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers={**_KEY, **headers}, timeout=60, verify=False)


class TwoWorkers(GatewayProcess):
    """`filmgate serve --workers 2`."""

    async def start(self) -> None:
        """Starts it and waits until both workers are there."""
        command = (sys.executable, "-m", "app", "serve", "--port", "0", "--workers", "2")
        pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
        self._silent = False
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self._environment(), stdout=pipe, stderr=both, limit=2**20
        )
        self._reader = asyncio.create_task(self._read(self._process))
        self.url = (await self.says(_ADDRESS))[0]
        async with opened(self.database_url) as database:
            await until(lambda: _two(database), _RESTART)

    async def restart_workers(self, database: Database) -> None:
        """Tells it to replace its workers, and waits until none of the old ones is left."""
        before = await _workers(database)
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

        async def replaced() -> bool:
            now = await _workers(database)
            return len(now) == 2 and not now & before

        await until(replaced, _RESTART)


async def test_rolling_restart_zero_failed_requests(tmp_path: Path) -> None:
    vendor = CountingVendor(uneven(24, _SLOWEST))
    with fresh_database("sqlite", tmp_path) as url:
        async with serve(vendor) as vendor_url:
            await prepare(url, [replace(CHANNEL, base_url=vendor_url)])
            gateway = TwoWorkers(tmp_path, url, {"DRAIN_SECONDS": "20"})
            async with processes(gateway), opened(url) as database:
                visitors = Visitors(gateway.url)
                visits = asyncio.create_task(visitors.come())
                await vendor.received(2 * _EACH)
                await gateway.restart_workers(database)
                await vendor.received(len(vendor.creates) + 2 * _EACH)
                visitors.leaving = True
                await visits
                jobs = await all_ended(database)
    assert visitors.failed == []
    assert visitors.answered > 50
    assert sorted(visitors.made) == sorted(job.id for job in jobs)
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}
    assert len(vendor.creates) == len(set(vendor.creates)) == len(jobs)


async def _two(database: Database) -> bool:
    return len(await _workers(database)) == 2


async def _workers(database: Database) -> set[str]:
    async with database.read() as connection:
        return {worker.id for worker in await worker_store.every(connection)}

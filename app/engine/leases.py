"""The heartbeat of this process, and the takeover of jobs whose process is dead."""

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.domain.jobs import Job
from app.engine.clock import Now
from app.engine.heartbeats import Heartbeats
from app.engine.inquiry import after_takeover
from app.engine.paces import Paces
from app.engine.poll import Poller
from app.engine.processes import alive
from app.engine.records import Recorder
from app.store import channels as channel_store
from app.store import cooldowns as cooldown_store
from app.store import leases as lease_store
from app.store import retirement
from app.store import workers as worker_store
from app.store.database import Database

_BEAT = 5.0  # seconds
_BATCH = 200  # jobs taken over at a time: for a moment they are all in memory as they are
_TIDY_EVERY = 12  # beats: a minute
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Leases:
    """Keeps this process's lease fresh and picks up what dead ones left."""

    database: Database
    recorder: Recorder
    poller: Poller
    paces: Paces
    heartbeats: Heartbeats
    now: Now
    started_at: datetime
    _beats: int = 0

    async def start(self) -> None:
        """Announces this process and takes over what dead ones left."""
        await self.beat()

    async def run(self) -> None:
        """Beats for ever; a database that is away for a while only delays it."""
        while True:
            await asyncio.sleep(_BEAT)
            try:
                await self.beat()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("heartbeat failed: %s", error)

    async def beat(self) -> None:
        """One heartbeat: renew, take over, save what was learned. On the same machine, dead processes are known at once."""
        async with self.database.write() as connection:
            await worker_store.forget_dead(connection, self._me(), alive)
            await worker_store.beat(connection, self._me())
        await self._take_over()
        await self.paces.save(self.database)
        self._beats += 1
        if self._beats % _TIDY_EVERY == 0:
            await self._tidy()

    async def _tidy(self) -> None:
        """Forgets deleted channels and withdrawn credentials once no job needs them any more."""
        async with self.database.write() as connection:
            await retirement.purge(connection)
            await channel_store.purge(connection)
            await cooldown_store.purge(connection)

    async def stop(self) -> None:
        """Gives all leases back, so that others go on at once."""
        async with self.database.write() as connection:
            await lease_store.release(connection, self.recorder.worker)
            await worker_store.forget(connection, self.recorder.worker)

    def _me(self) -> worker_store.Worker:
        return worker_store.Worker(self.recorder.worker, _host(), os.getpid(), self.started_at, self.now())

    async def _take_over(self) -> None:
        while True:
            async with self.database.write() as connection:
                silent = self.heartbeats.silent(await worker_store.every(connection))
                jobs = await lease_store.claim(connection, worker=self.recorder.worker, now=self.now(), silent=silent, limit=_BATCH)
            for job in jobs:
                await self._adopt(job)
            if len(jobs) < _BATCH:
                return

    async def _adopt(self, job: Job) -> None:
        adopted = after_takeover(job, self.now)
        if adopted is job:
            self.poller.add(job, many=True)
            return
        _log.warning("job %s: %s", job.id, adopted.failure.message if adopted.failure else "ended")
        await self.recorder.record(adopted)


def _host() -> str:
    """This machine, so that a process id means one process: two machines may well have the same name."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()} {boot}".strip()

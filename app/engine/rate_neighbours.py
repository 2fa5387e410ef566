"""Whether this process is the only one that serves clients: what it counts by itself is then all there is."""

import asyncio
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from app.engine.heartbeats import Heartbeats
from app.store import workers as worker_store
from app.store.database import Database

_FRESH = 2.0  # seconds for which an answer is good


class Neighbours:
    """Looks at the table of workers every few seconds, and only while somebody asks. `seconds` only goes forward."""

    def __init__(self, database: Database, worker: str, seconds: Callable[[], float]) -> None:
        self._database = database
        self._worker = worker
        self._heartbeats = Heartbeats(seconds)
        self._seconds = seconds
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
        self._any = False

    async def any(self) -> bool:
        """Whether another process lives. A database that does not answer changes nothing."""
        if self._is_fresh() or (self._looking.locked() and self._looked_at is not None):
            return self._any
        async with self._looking:
            if not self._is_fresh():
                await self._look()
        return self._any

    def _is_fresh(self) -> bool:
        return self._looked_at is not None and self._seconds() < self._looked_at + _FRESH

    async def _look(self) -> None:
        try:
            async with self._database.read() as connection:
                workers = await worker_store.every(connection)
        except (SQLAlchemyError, OSError):
            pass  # whoever needs the database for more than this will say so
        else:
            silent = self._heartbeats.silent(workers)
            self._any = any(one.id != self._worker and one.id not in silent for one in workers)
        self._looked_at = self._seconds()

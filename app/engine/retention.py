"""Forgets what is old: ended jobs with their files, ended webhooks, answers that are no longer repeated, counters of request rates.

In small transactions with a pause between, so that other writers never wait long; several processes may do it at once. Files go
after the commit that forgot them: a crash between the two leaves a file that nothing refers to, never a job without its file.
Ledger, accounts, usage and audit log hold nothing of what was made, and stay.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.errors import NotFound
from app.engine.assets import Assets
from app.engine.clock import Now
from app.store import rates as rate_store
from app.store import replays as replay_store
from app.store import retention as retention_store
from app.store import webhooks as webhook_store
from app.store.database import Database

_BATCH = 100  # rows of a transaction: some 20 ms on SQLite
_PAUSE = 0.05  # seconds in which others write
_MOST_AT_ONCE = 40  # batches of a kind in one `tidy`, about four seconds: its caller has more to do
_IDLE_RATES = timedelta(hours=1)
_WEBHOOK_DAYS = 30.0  # that ended webhooks stay for operators to read; fewer where jobs stay fewer
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """`days` is how long ended jobs stay; None is for ever. `pause` is in seconds."""

    database: Database
    assets: Assets
    days: float | None
    now: Now
    pause: float = _PAUSE

    async def purge(self) -> int:
        """Removes every job that is due; returns how many (parts not counted)."""
        removed = 0
        while batch := await self._purge_jobs():
            removed += batch
            await asyncio.sleep(self.pause)
        return removed

    async def tidy(self) -> None:
        """Removes what is due of everything, at most a few thousand of each; for calling about once a minute."""
        for step in (self._purge_jobs, self._purge_webhooks, self._purge_answers, self._purge_rates):
            for _ in range(_MOST_AT_ONCE):
                if not await step():
                    break
                await asyncio.sleep(self.pause)

    async def _purge_jobs(self) -> int:
        if self.days is None:
            return 0
        before = self.now() - timedelta(days=self.days)
        async with self.database.write() as connection:
            purged = await retention_store.purge(connection, before=before, limit=_BATCH)
        await self._remove(purged.files)
        return purged.jobs

    async def _purge_webhooks(self) -> int:
        """Those that are still to be told stay: a webhook whose job is gone ends at its next try, and goes in its time."""
        days = _WEBHOOK_DAYS if self.days is None else min(self.days, _WEBHOOK_DAYS)
        async with self.database.write() as connection:
            return await webhook_store.purge(connection, self.now() - timedelta(days=days), _BATCH)

    async def _purge_answers(self) -> int:
        now = self.now()
        async with self.database.read() as connection:
            if not await retention_store.has_expired_names(connection, now):
                return 0
        async with self.database.write() as connection:
            files = await replay_store.purge(connection, now, _BATCH)
        await self._remove(files)
        return _BATCH

    async def _purge_rates(self) -> int:
        async with self.database.write() as connection:
            return await rate_store.purge(connection, self.now() - _IDLE_RATES, _BATCH)

    async def _remove(self, files: Iterable[str]) -> None:
        for name in files:
            try:
                await self.assets.delete(name)
            except NotFound:
                continue  # no name of ours: there never was such a file
            except OSError as error:
                _log.warning("the file %s could not be removed: %s", name, error)

"""One place where requests are counted; it may be gone for a while, and says so once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy.exc import SQLAlchemyError

from app.engine.clock import Now
from app.engine.late_source import SourceAway
from app.engine.rate_storage import DatabaseStorage
from app.store.database import Database

RateStorage: TypeAlias = MemoryStorage | DatabaseStorage | RedisStorage
AT_ONCE = 20  # questions that a process asks one place at the same time; the others queue, which is not that place's fault
_REST = 5.0  # seconds for which a place that failed is not asked again
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RateSource:
    """Counts in `storage`. `errors` are what it raises when it is gone; `seconds` is a clock that only goes forward."""

    name: str
    storage: RateStorage
    seconds: Callable[[], float]
    errors: tuple[type[Exception], ...] = ()
    closing: Callable[[], Awaitable[None]] | None = None
    _again_at: float | None = None  # set while it is gone
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def wait(self, subject: str, per_minute: int) -> float | None:
        """Counts one request, or says after how many seconds one may pass; None when this one may. Raises SourceAway."""
        async with self._turns:
            probing = self._probing()
            try:
                found = await self._asked(subject, per_minute)
            except self.errors as error:
                self._went(error)
                raise SourceAway(self.name) from error
            if probing:
                self._again_at = None
                _log.info("%s answers again and counts requests", self.name)
            return found

    async def close(self) -> None:
        """Gives back what the storage holds."""
        if self.closing is not None:
            await self.closing()

    def _probing(self) -> bool:
        """Whether this request is the one that finds out if the place is back; raises SourceAway for the others meanwhile."""
        if self._again_at is None:
            return False
        if self.seconds() < self._again_at:
            raise SourceAway(self.name)
        self._again_at = self.seconds() + _REST
        return True

    async def _asked(self, subject: str, per_minute: int) -> float | None:
        item = RateLimitItemPerMinute(per_minute, namespace="rpm")
        if await SlidingWindowCounterRateLimiter(self.storage).hit(item, subject):
            return None
        expiry = item.get_expiry()
        window = await self.storage.get_sliding_window(item.key_for(subject), expiry)
        return seconds_until_room(per_minute, expiry, window)

    def _went(self, error: Exception) -> None:
        if self._again_at is None:
            reason = " ".join(str(error).split()) or type(error).__name__
            _log.warning("%s cannot count requests; this process goes on without it: %s", self.name, reason)
        self._again_at = self.seconds() + _REST


def memory_source(seconds: Callable[[], float]) -> RateSource:
    """Counts in this process."""
    return RateSource("this process", MemoryStorage(), seconds)


def database_source(database: Database, now: Now, seconds: Callable[[], float]) -> RateSource:
    """Counts in the database."""
    return RateSource("the database", DatabaseStorage(database, now), seconds, (SQLAlchemyError, OSError))


def seconds_until_room(limit: int, expiry: int, window: tuple[int, float, int, float]) -> float:
    """When a sliding window counter lets one more request pass, if no other does before.

    `window` is what `get_sliding_window` gives: the requests of the last window and the seconds for which they still count, and
    those of the current one with the seconds for which they will, a whole window after its end included. The library's own
    figure is the next moment at which anything changes, which may well be too early.
    """
    before, before_counts_for, current, current_counts_for = window
    if current < limit:
        return max(before_counts_for - expiry * (limit - current) / before, 0.0) if before else 0.0
    return max(current_counts_for - expiry * limit / current, 0.0)

"""The database as a place where the library `limits` counts requests.

Its sliding window counter: requests of this minute, plus those of the last one in proportion to how much of it lies less
than a minute back (https://limits.readthedocs.io/en/stable/strategies.html, read 2026-11-21).
"""

from datetime import UTC, datetime
from math import floor

from limits.aio.storage import SlidingWindowCounterSupport, Storage
from limits.storage.base import TimestampedSlidingWindow
from sqlalchemy.exc import SQLAlchemyError

from app.engine.clock import Now
from app.store import rates as rate_store
from app.store.database import Database

_WITHOUT_END = 2**62  # at most, for counters that nobody limits


class DatabaseStorage(Storage, SlidingWindowCounterSupport, TimestampedSlidingWindow):
    """Counters in the table `rates`, in the names and with the rounding of the library's own memory storage."""

    STORAGE_SCHEME = None

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__()
        self._database = database
        self._now = now

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return (SQLAlchemyError, OSError)

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        at = self._now().timestamp()
        before, current = self.sliding_window_keys(key, expiry, at)
        async with self._database.read() as connection:
            counts = await rate_store.counts(connection, (before, current))
        room = limit - floor(counts.get(before, 0) * _left(at, expiry) / expiry)
        if counts.get(current, 0) + amount > room:  # who is refused again and again writes nothing
            return False
        async with self._database.write() as connection:
            return await rate_store.add(connection, current, amount, room, _moment(at + 2 * expiry)) is not None

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        at = self._now().timestamp()
        before, current = self.sliding_window_keys(key, expiry, at)
        async with self._database.read() as connection:
            counts = await rate_store.counts(connection, (before, current))
        left = _left(at, expiry)
        return counts.get(before, 0), left if before in counts else 0.0, counts.get(current, 0), left + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        async with self._database.write() as connection:
            await rate_store.forget(connection, self.sliding_window_keys(key, expiry, self._now().timestamp()))

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        expires_at = _moment(self._now().timestamp() + expiry)
        async with self._database.write() as connection:
            return await rate_store.add(connection, key, amount, _WITHOUT_END, expires_at) or 0

    async def get(self, key: str) -> int:
        async with self._database.read() as connection:
            return (await rate_store.counts(connection, (key,))).get(key, 0)

    async def get_expiry(self, key: str) -> float:
        async with self._database.read() as connection:
            return (await rate_store.expiry(connection, key) or self._now()).timestamp()

    async def check(self) -> bool:
        async with self._database.read():
            return True

    async def reset(self) -> int | None:
        return None  # other processes count here too

    async def clear(self, key: str) -> None:
        async with self._database.write() as connection:
            await rate_store.forget(connection, (key,))


def _left(at: float, expiry: int) -> float:
    """Seconds until this window ends; just as long does the last one count."""
    return expiry - at % expiry


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)

"""How many requests a minute a key may send.

They are counted in one of three places, by one algorithm: in Redis where there is one; else in this process while no other one
serves clients; else in the database. Where a place is gone the next one counts, the last of them always the process itself, so
that no request fails because it could not be counted.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

from app.domain.channels import Key
from app.domain.errors import TooManyRequests
from app.engine.clock import Now
from app.engine.late_source import LateSource, SourceAway
from app.engine.rate_neighbours import Neighbours
from app.store.database import Database

if TYPE_CHECKING:
    from app.engine.rate_source import RateSource

_SLACK = 0.01  # seconds that rounding may take from a wait
_LONGEST = 60  # seconds: a minute back nothing counts any more


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts the requests of keys that have a limit; one per process. `rates_of` makes it."""

    memory: LateSource
    database: LateSource
    redis: "RateSource | None"
    neighbours: Neighbours

    async def check(self, key: Key) -> None:
        """Counts one request of this key; raises TooManyRequests when it is one too many. A key without a limit costs nothing."""
        if key.rpm is None:
            return
        wait = await self._wait(key.id, key.rpm)
        if wait is not None:
            raise _refusal(key.rpm, wait)

    async def close(self) -> None:
        """Gives connections back."""
        if self.redis is not None:
            await self.redis.close()

    async def _wait(self, subject: str, per_minute: int) -> float | None:
        with suppress(SourceAway):
            if self.redis is not None:
                return await self.redis.wait(subject, per_minute)
        with suppress(SourceAway):
            if await self.neighbours.any():
                return await self.database.wait(subject, per_minute)
        return await self.memory.wait(subject, per_minute)


def rates_of(database: Database, worker: str, redis_url: str, now: Now, seconds: Callable[[], float]) -> Rates:
    """Counts for the process that is `worker` in the table of workers; `redis_url` is empty where there is no Redis.

    `seconds` is a clock that only goes forward. Raises ValueError for an address that is none of a Redis.
    """

    def memory() -> "RateSource":
        from app.engine.rate_source import memory_source

        return memory_source(seconds)

    def in_database() -> "RateSource":
        from app.engine.rate_source import database_source

        return database_source(database, now, seconds)

    redis = None
    if redis_url:
        from app.engine.rate_redis import redis_source

        redis = redis_source(redis_url, seconds)
    return Rates(
        memory=LateSource(memory),
        database=LateSource(in_database),
        redis=redis,
        neighbours=Neighbours(database, worker, seconds),
    )


def _refusal(per_minute: int, wait: float) -> TooManyRequests:
    after = min(max(floor(wait + _SLACK) + 1, 1), _LONGEST)
    return TooManyRequests(
        f"This key may send {per_minute} {_times(per_minute, 'request')} a minute; try again in {after} {_times(after, 'second')}.",
        retry_after=after,
    )


def _times(number: int, word: str) -> str:
    return word if number == 1 else f"{word}s"

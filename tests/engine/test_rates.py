"""A key sends no more requests a minute than it may, wherever they are counted, and a place that is gone stops nobody."""

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from limits.aio.storage import MemoryStorage
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text

from app.cli.console import readable
from app.domain.channels import Key
from app.domain.errors import TooManyRequests
from app.engine.rate_redis import redis_source
from app.engine.rate_source import AT_ONCE, RateSource, seconds_until_room
from app.engine.rates import Rates, rates_of
from app.settings import Settings
from app.store import workers as worker_store
from app.store.database import Database
from app.store.workers import Worker
from tests.databases import database, database_url, fresh_database
from tests.servers import refused_port, serve_socket

__all__ = ["database", "database_url"]
pytestmark = pytest.mark.anyio

START = datetime(2026, 3, 1, 12, 30, 0, tzinfo=UTC)  # the start of a window: they begin with the minute
ME, OTHER = "worker_me", "worker_other"


@dataclass
class Clock:
    """The wall clock and the one that only goes forward; time passes when a test says so."""

    passed: float = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed

    def time(self) -> float:
        return self.now().timestamp()


class Brittle(MemoryStorage):
    """Fails while it is told to; counts how often it was asked."""

    STORAGE_SCHEME: list[str] = []
    broken = True
    asked = 0

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        self.asked += 1
        if self.broken:
            raise RedisError("gone away")
        return await super().acquire_sliding_window_entry(key, limit, expiry, amount)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that the memory storage of the library reads too."""
    made = Clock()
    monkeypatch.setattr("limits.aio.storage.memory.time", made)
    return made


@pytest.fixture
def rates(database: Database, clock: Clock) -> Rates:
    """Counts for a process that knows no Redis."""
    return rates_of(database, ME, "", clock.now, clock.seconds)


@pytest.fixture
async def sole(tmp_path: Path, clock: Clock) -> AsyncIterator[Rates]:
    """The same for a process that has no neighbours, where it does not matter which database says so."""
    with fresh_database("sqlite", tmp_path) as url:
        opened = Database.open(url)
        yield rates_of(opened, ME, "", clock.now, clock.seconds)
        await opened.close()


@pytest.fixture
async def redis_url() -> str:
    """A Redis server: FILMGATE_TEST_REDIS, else the one on this machine. Without one the test is skipped."""
    url = os.environ.get("FILMGATE_TEST_REDIS") or "redis://127.0.0.1:6379/9"
    client = Redis.from_url(url)
    try:
        await client.get("nothing")
    except (RedisError, OSError):
        pytest.skip("no Redis server answers (set FILMGATE_TEST_REDIS)")
    finally:
        await client.aclose()
    return url


def key(rpm: int | None, name: str = "key_1") -> Key:
    return Key(id=name, name="tests", hash="", rpm=rpm)


def fresh_key(rpm: int) -> Key:
    """A key that no earlier test has counted in a Redis that is still there."""
    return key(rpm, f"key_{secrets.token_hex(8)}")


async def passed(rates: Rates, one: Key, tries: int) -> int:
    """How many of so many requests at once may pass."""
    found = await asyncio.gather(*(rates.check(one) for _ in range(tries)), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, TooManyRequests) for outcome in found), found
    return found.count(None)


async def refusal(rates: Rates, one: Key) -> TooManyRequests:
    with pytest.raises(TooManyRequests) as raised:
        await rates.check(one)
    return raised.value


async def live(database: Database, clock: Clock, *workers: str) -> None:
    """Registers processes that beat just now."""
    async with database.write() as connection:
        for number, name in enumerate(workers):
            await worker_store.beat(connection, Worker(name, "host", number, START, clock.now()))


async def counters(database: Database) -> int:
    """How many counters the database holds."""
    async with database.read() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM rates"))).scalar_one())


@asynccontextmanager
async def redis_rates(rates: Rates, url: str, clock: Clock) -> AsyncIterator[Rates]:
    """The same with a Redis in front."""
    with_redis = replace(rates, redis=redis_source(url, clock.seconds))
    try:
        yield with_redis
    finally:
        await with_redis.close()


async def test_a_key_without_a_limit_asks_nobody(clock: Clock) -> None:
    storage = Brittle()
    source = RateSource("nobody", storage, clock.seconds)
    await Rates(source, source, source, None).check(key(None))  # type: ignore[arg-type]  # not even neighbours are looked for
    assert storage.asked == 0


async def test_one_request_too_many_is_refused_and_says_when_to_come_back(rates: Rates, clock: Clock) -> None:
    assert await passed(rates, key(3), 3) == 3
    clock.passed = 18.5
    refused = await refusal(rates, key(3))
    assert (refused.code, refused.retry_after) == ("rate_limit_exceeded", 42)
    assert refused.message == "This key may send 3 requests a minute; try again in 42 seconds."


@pytest.mark.parametrize("others", [(), (OTHER,)])
async def test_who_waits_as_long_as_told_may_pass(rates: Rates, clock: Clock, database: Database, others: tuple[str, ...]) -> None:
    await live(database, clock, ME, *others)
    for rpm, start in ((1, 0.1), (2, 17.3), (7, 59.9), (60, 31.0)):
        one = key(rpm, f"key_{rpm}")
        clock.passed = 600.0 * rpm + start
        await live(database, clock, ME, *others)
        assert await passed(rates, one, rpm + 5) == rpm
        for _ in range(4):
            after = (await refusal(rates, one)).retry_after
            assert after is not None
            assert 1 <= after <= 60
            clock.passed += after
            await live(database, clock, ME, *others)
            await rates.check(one)
            while await passed(rates, one, 1):
                """Uses up what else is free by now."""


@pytest.mark.parametrize("others", [(), (OTHER,)])
async def test_keys_are_counted_apart(rates: Rates, clock: Clock, database: Database, others: tuple[str, ...]) -> None:
    await live(database, clock, ME, *others)
    assert await passed(rates, key(2, "key_1"), 5) == 2
    assert await passed(rates, key(2, "key_2"), 5) == 2


async def test_a_sole_process_counts_in_memory(rates: Rates, clock: Clock, database: Database) -> None:
    await live(database, clock, ME)
    assert await passed(rates, key(10), 100) == 10
    assert await counters(database) == 0


async def test_a_sole_process_asks_the_database_for_neighbours_once_in_a_while(
    rates: Rates, clock: Clock, database: Database
) -> None:
    await live(database, clock, ME)
    await rates.check(key(9))
    await live(database, clock, OTHER)
    await rates.check(key(9))
    assert await counters(database) == 0  # not looked again yet
    clock.passed = 2.0
    await rates.check(key(9))
    assert await counters(database) == 1


async def test_processes_share_their_counters_in_the_database(rates: Rates, clock: Clock, database: Database) -> None:
    await live(database, clock, ME, OTHER)
    neighbour = rates_of(database, OTHER, "", clock.now, clock.seconds)
    found = await asyncio.gather(passed(rates, key(10), 30), passed(neighbour, key(10), 30))
    assert sum(found) == 10


async def test_a_process_that_is_silent_for_long_is_no_neighbour(rates: Rates, clock: Clock, database: Database) -> None:
    await live(database, clock, OTHER)
    await rates.check(key(9, "key_1"))
    assert await counters(database) == 1
    clock.passed = 21.0
    await rates.check(key(9, "key_2"))
    assert await counters(database) == 1


async def test_a_database_that_cannot_count_stops_nobody_and_is_told_of_once(
    rates: Rates, clock: Clock, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await live(database, clock, ME, OTHER)
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE rates RENAME TO elsewhere"))
    try:
        assert await passed(rates, key(2), 2) == 2
        clock.passed = 6.0
        assert await passed(rates, key(2, "key_2"), 2) == 2
    finally:
        async with database.write() as connection:
            await connection.execute(text("ALTER TABLE elsewhere RENAME TO rates"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the database cannot count requests" in caplog.text


async def test_several_machines_share_a_redis(rates: Rates, redis_url: str, clock: Clock, database: Database) -> None:
    one = fresh_key(10)
    async with redis_rates(rates, redis_url, clock) as here, redis_rates(rates, redis_url, clock) as there:
        assert sum(await asyncio.gather(passed(here, one, 30), passed(there, one, 30))) == 10
        refused = await refusal(here, one)
    assert refused.retry_after in range(50, 61)
    assert await counters(database) == 0


async def test_a_crowd_of_requests_is_no_reason_to_leave_a_redis(
    sole: Rates, redis_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with redis_rates(sole, redis_url, clock) as here:
        assert await passed(here, fresh_key(50), 500) == 50
    assert caplog.records == []


async def test_a_redis_that_refuses_connections_is_replaced_at_once(
    sole: Rates, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with redis_rates(sole, f"redis://user:canary-pass@127.0.0.1:{refused_port()}", clock) as alone:
        assert await passed(alone, key(3), 20) == 3
        assert await passed(alone, key(3), 20) == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Redis cannot count requests" in caplog.text
    assert "canary" not in caplog.text


async def test_a_redis_that_never_answers_is_asked_by_a_few_and_not_again(sole: Rates, clock: Clock) -> None:
    asked = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()

    async with serve_socket(hang) as url, redis_rates(sole, url.replace("http", "redis"), clock) as alone:
        assert await passed(alone, key(3), 100) == 3
        assert await passed(alone, key(3), 100) == 0
    assert asked == AT_ONCE


async def test_a_redis_that_comes_back_counts_again(sole: Rates, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app")
    storage = Brittle()
    with_redis = replace(sole, redis=RateSource("Redis", storage, clock.seconds, (RedisError,)))
    for second in (0.0, 1.0, 4.9, 5.0, 9.9):
        clock.passed = second
        await with_redis.check(key(50))
    assert storage.asked == 2  # at 0 and at 5 seconds
    storage.broken = False
    clock.passed = 10.0
    assert await passed(with_redis, key(4), 1) == 1  # finds out
    assert await passed(with_redis, key(4), 10) == 3
    assert [(record.levelname, record.message.split(";")[0]) for record in caplog.records] == [
        ("WARNING", "Redis cannot count requests"),
        ("INFO", "Redis answers again and counts requests"),
    ]


def test_an_address_of_something_else_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="Redis URL"):
        redis_source("http://127.0.0.1", clock.seconds)


def test_the_setting_takes_only_a_redis_and_shows_nobody_its_password() -> None:
    settings = Settings(_env_file=None, redis_url="rediss://:canary-pass@cache.example.com/1")
    assert "canary" not in repr(settings)
    with pytest.raises(ValidationError, match="must start with redis://") as raised:
        Settings(_env_file=None, redis_url="http://:canary-pass@cache.example.com")
    assert "canary" not in readable(raised.value)


@pytest.mark.parametrize(
    ("limit", "window", "seconds"),
    [
        (10, (0, 0.0, 10, 75.0), 15.0),  # all of them in this window: its end
        (10, (10, 30.0, 5, 90.0), 0.0),  # half of the last window counts: 5 + 5, and a moment later less
        (10, (10, 30.0, 9, 90.0), 24.0),
        (10, (0, 0.0, 20, 90.0), 60.0),  # more than the limit: until half of them do not count any more
        (10, (0, 0.0, 0, 0.0), 0.0),
        (1, (1, 20.0, 0, 80.0), 0.0),
    ],
)
def test_the_wait_is_until_one_more_request_fits(limit: int, window: tuple[int, float, int, float], seconds: float) -> None:
    assert seconds_until_room(limit, 60, window) == seconds

"""What cost most comes first, on every database."""

import pytest

from app.domain.jobs import JobStatus
from app.store import usage
from app.store.database import Database
from app.store.usage import Dimension, Wanted
from tests.store.test_usage import EVER, TODAY, counted, ended

pytestmark = pytest.mark.anyio


async def names(database: Database, dimension: Dimension, limit: int = 10, wanted: Wanted = EVER) -> list[str]:
    async with database.read() as connection:
        return [line.of[dimension] for line in await usage.largest(connection, wanted, dimension, limit)]


async def test_what_cost_most_comes_first_then_what_was_asked_for_most_then_the_name(database: Database) -> None:
    dear = ended(model="dear", cost=900_000)
    often, seldom, other = (ended(JobStatus.FAILED, model=name, cost=None) for name in ("often", "seldom", "other"))
    await counted(database, often, seldom, other, often, dear)
    assert await names(database, Dimension.MODEL) == ["dear", "often", "other", "seldom"]
    assert await names(database, Dimension.MODEL, limit=2) == ["dear", "often"]


async def test_only_what_is_wanted_counts(database: Database) -> None:
    await counted(database, ended(key_id="key_a", channel_id="ch_1"), ended(key_id="key_b", channel_id="ch_2"))
    wanted = Wanted(first=TODAY, last=TODAY, key_id="key_b")
    assert await names(database, Dimension.CHANNEL, wanted=wanted) == ["ch_2"]


async def test_sums_are_whole_numbers(database: Database) -> None:
    await counted(database, ended(seconds=5.5), ended(seconds=5.5))
    async with database.read() as connection:
        (line,) = await usage.largest(connection, EVER, Dimension.KEY, 1)
    assert (line.jobs, line.completed, line.failed, line.results, line.seconds, line.spent) == (2, 2, 0, 2, 11.0, 500_000)

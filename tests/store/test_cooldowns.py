"""What one process writes of a credential's rest, the others read; who says first that it is news is told so."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.channels import Credential
from app.domain.cooling import Cooldown, Kind
from app.store import channels, cooldowns, jobs, retirement
from app.store.database import Database
from app.store.secrets import Vault
from tests.store.samples import HARD_TEXT, NOW, SECOND, channel, job

pytestmark = pytest.mark.anyio

VAULT = Vault(["a secret of this test"])
FIRST, SECOND_ONE = Credential("cred_1", {"api_key": "one"}), Credential("cred_2", {"api_key": "two"})
PARKED = Cooldown(kind=Kind.PARKED, reason=HARD_TEXT, failures=3, since=NOW, until=NOW + 60 * SECOND)


async def put(database: Database, cooldown: Cooldown, channel_id: str = "ch_1", credential_id: str = "cred_1") -> bool:
    """Stores a rest in a transaction of its own."""
    async with database.write() as connection:
        return await cooldowns.put(connection, channel_id, credential_id, cooldown)


async def every(database: Database) -> dict[tuple[str, str], Cooldown]:
    """All rests as stored."""
    async with database.read() as connection:
        return await cooldowns.every(connection)


async def test_a_rest_is_read_as_it_was_written(database: Database) -> None:
    down = Cooldown(kind=Kind.DOWN, reason="connection refused", failures=1, since=NOW, until=NOW + 5 * SECOND)
    await put(database, PARKED)
    await put(database, down, "ch_2", "")
    assert await every(database) == {("ch_1", "cred_1"): PARKED, ("ch_2", ""): down}


async def test_a_reason_may_hold_what_no_database_can(database: Database) -> None:
    await put(database, replace(PARKED, reason="no\0money \ud800"))
    assert (await every(database))["ch_1", "cred_1"].reason == "no\ufffdmoney \ufffd"


async def test_only_the_first_of_a_kind_is_news(database: Database) -> None:
    longer = replace(PARKED, failures=4, until=NOW + 120 * SECOND)
    limited = replace(longer, kind=Kind.TOLD)
    assert [await put(database, one) for one in (PARKED, longer, limited, limited)] == [True, False, True, False]
    assert await every(database) == {("ch_1", "cred_1"): limited}


async def test_of_many_who_find_out_together_one_has_news(database: Database) -> None:
    news = await asyncio.gather(*(put(database, replace(PARKED, failures=number)) for number in range(8)))
    assert sorted(news) == [False] * 7 + [True]


async def test_a_rest_ends_alone_or_with_all_of_its_channel(database: Database) -> None:
    for channel_id, credential_id in (("ch_1", "cred_1"), ("ch_1", "cred_2"), ("ch_1", "cred_3"), ("ch_2", "cred_1")):
        await put(database, PARKED, channel_id, credential_id)
    async with database.write() as connection:
        assert await cooldowns.remove(connection, "ch_1", "cred_1")
        assert not await cooldowns.remove(connection, "ch_1", "cred_1")
    assert set(await every(database)) == {("ch_1", "cred_2"), ("ch_1", "cred_3"), ("ch_2", "cred_1")}
    async with database.write() as connection:
        assert await cooldowns.remove(connection, "ch_1")
        assert not await cooldowns.remove(connection, "ch_1")
    assert set(await every(database)) == {("ch_2", "cred_1")}


async def test_what_is_gone_rests_no_more(database: Database) -> None:
    async with database.write() as connection:
        await channels.insert_one(connection, VAULT, channel(1, FIRST, SECOND_ONE))
        await channels.insert_one(connection, VAULT, channel(2))
        await jobs.insert(connection, replace(job(), channel_id="ch_1", credential_id="cred_2"), owner="w1")
        await retirement.retire(connection, "ch_1", "cred_2")
    kept = {("ch_1", "cred_1"), ("ch_2", "")}
    gone = {("ch_1", "cred_2"), ("ch_1", "cred_9"), ("ch_9", "cred_1"), ("ch_9", "")}
    for name in kept | gone:
        await put(database, PARKED, *name)
    async with database.write() as connection:
        await cooldowns.purge(connection)
    assert set(await every(database)) == kept

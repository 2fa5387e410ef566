"""Channels come back whole; their credentials are unreadable without the secret, and outlive a deletion while jobs run."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.channels import Channel, Credential
from app.domain.jobs import Failure, fail
from app.store import channels, jobs, retirement, revision
from app.store.database import Database
from app.store.secrets import Vault, WrongSecret
from tests.store.samples import NOW, channel, job

pytestmark = pytest.mark.anyio

VAULT = Vault(["a secret of this test"])
CANARY = "canary-7f3a-credential"
FIRST = Credential("cred_1", {"api_key": CANARY})
SECOND_ONE = Credential("cred_2", {"service_account": {"project": "p", "private_key": CANARY}})


async def insert(database: Database, *given: Channel) -> None:
    """Stores the channels."""
    async with database.write() as connection:
        for one in given:
            await channels.insert_one(connection, VAULT, one)


def files_in(folder: Path) -> list[Path]:
    """The database file and those beside it."""
    return [path for path in folder.iterdir() if path.is_file()]


async def get(database: Database, channel_id: str) -> Channel | None:
    """The channel as stored."""
    async with database.read() as connection:
        return await channels.get(connection, VAULT, channel_id)


async def test_every_field_of_a_channel_comes_back(database: Database) -> None:
    given = channel(1, SECOND_ONE, FIRST)
    open_to_all = replace(channel(2), models="*")
    await insert(database, given, open_to_all)
    assert await get(database, "ch_1") == given
    assert await get(database, "ch_2") == open_to_all
    assert await get(database, "ch_3") is None
    async with database.read() as connection:
        assert await channels.every(connection, VAULT) == [given, open_to_all]


async def test_a_page_of_channels_turns_by_id_and_leaves_out_the_deleted(database: Database) -> None:
    one, two, three, four = (channel(number) for number in range(1, 5))
    await insert(database, one, two, three, four)
    async with database.write() as connection:
        await channels.delete_one(connection, "ch_3")
        assert await channels.page(connection, VAULT, limit=2) == [four, two]
        assert await channels.page(connection, VAULT, before="ch_2") == [one]
        assert await channels.page(connection, VAULT, before="ch_none") == []


async def test_an_update_replaces_credentials_by_id_adds_new_ones_and_keeps_the_rest(database: Database) -> None:
    await insert(database, channel(1, FIRST, SECOND_ONE))
    renewed, added = Credential("cred_2", {"api_key": "renewed"}), Credential("cred_3", {"api_key": "added"})
    changed = replace(channel(1, added, renewed), name="changed", enabled=True)
    async with database.write() as connection:
        assert await channels.update_one(connection, VAULT, changed)
        assert not await channels.update_one(connection, VAULT, channel(9))
    assert await get(database, "ch_1") == replace(changed, credentials=(FIRST, renewed, added))


async def test_a_deleted_channel_stays_until_its_last_open_job_is_gone(database: Database) -> None:
    await insert(database, channel(1, FIRST), channel(2, FIRST))
    running = replace(job(), channel_id="ch_1")
    async with database.write() as connection:
        await jobs.insert(connection, running, owner="w1")
        assert await channels.purge(connection) == []
        assert await channels.delete_one(connection, "ch_1")
        assert not await channels.delete_one(connection, "ch_1")
        assert await channels.purge(connection) == []
        assert await channels.get(connection, VAULT, "ch_1") == replace(channel(1, FIRST), deleted=True)
        await jobs.record(connection, fail(running, Failure("x", "x"), NOW))
        assert await channels.purge(connection) == ["ch_1"]
        assert await channels.every(connection, VAULT) == [channel(2, FIRST)]
        left = await connection.execute(text("SELECT channel_id FROM credentials"))
        assert left.scalars().all() == ["ch_2"]


async def test_each_change_moves_the_revision(database: Database) -> None:
    async with database.write() as connection:
        seen = [await revision.current(connection)]
        await channels.insert_one(connection, VAULT, channel(1, FIRST))
        seen.append(await revision.current(connection))
        await channels.update_one(connection, VAULT, channel(1, FIRST))
        seen.append(await revision.current(connection))
        await retirement.retire(connection, "ch_1", "cred_1")
        seen.append(await revision.current(connection))
        await channels.delete_one(connection, "ch_1")
        seen.append(await revision.current(connection))
        await channels.purge(connection)
        seen.append(await revision.current(connection))
    assert seen == sorted(set(seen))


async def test_a_change_that_is_undone_does_not_move_the_revision(database: Database) -> None:
    async with database.read() as connection:
        before = await revision.current(connection)

    async def insert_and_fail() -> None:
        async with database.write() as connection:
            await channels.insert_one(connection, VAULT, channel())
            raise LookupError

    with pytest.raises(LookupError):
        await insert_and_fail()
    async with database.read() as connection:
        assert await revision.current(connection) == before
    assert await get(database, "ch_1") is None


async def test_another_secret_does_not_open_the_credentials(database: Database) -> None:
    await insert(database, channel(1, FIRST))
    async with database.read() as connection:
        with pytest.raises(WrongSecret):
            await channels.get(connection, Vault(["another secret"]), "ch_1")
        both = Vault(["another secret", "a secret of this test"])
        assert await channels.get(connection, both, "ch_1") == channel(1, FIRST)


async def test_no_row_holds_a_credential_in_the_clear(database: Database) -> None:
    await insert(database, channel(1, FIRST, SECOND_ONE))
    async with database.read() as connection:
        rows = (await connection.execute(text("SELECT * FROM credentials"))).all()
        more = (await connection.execute(text("SELECT * FROM channels"))).all()
    assert len(rows) == 2
    assert CANARY not in repr(rows) + repr(more)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_credentials_are_unreadable_in_the_database_files(database: Database, tmp_path: Path) -> None:
    await insert(database, channel(1, FIRST, SECOND_ONE))
    files = {path.name: path.read_bytes() for path in files_in(tmp_path)}
    assert any(name.endswith("-wal") and content for name, content in files.items())
    content = b"".join(files.values())
    assert b"api.example.com" in content  # what is not secret can be found, so the search itself works
    assert CANARY.encode() not in content

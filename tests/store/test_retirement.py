"""A credential that was taken away serves the jobs that it made until the last of them ends, and no longer."""

from dataclasses import replace

import pytest

from app.domain.channels import Credential
from app.domain.jobs import Failure, Job, fail
from app.store import channels, jobs, retirement, revision
from app.store.database import Database
from app.store.secrets import Vault
from tests.store.samples import NOW, channel, job

pytestmark = pytest.mark.anyio

VAULT = Vault(["a secret of this test"])
OLD, NEW = Credential("cred_old", {"api_key": "old"}), Credential("cred_new", {"api_key": "new"})


async def prepare(database: Database, *given: Job) -> None:
    """Stores two channels that name their credentials alike, and the jobs."""
    async with database.write() as connection:
        await channels.insert_one(connection, VAULT, channel(1, OLD, NEW))
        await channels.insert_one(connection, VAULT, channel(2, OLD))
        for one in given:
            await jobs.insert(connection, one, owner="w1")


async def held(database: Database, channel_id: str) -> tuple[Credential, ...]:
    """The channel's credentials as stored."""
    async with database.read() as connection:
        found = await channels.get(connection, VAULT, channel_id)
    assert found is not None
    return found.credentials


async def test_an_unused_credential_is_removed_at_once(database: Database) -> None:
    elsewhere = replace(job(), channel_id="ch_2", credential_id="cred_old")
    await prepare(database, elsewhere)
    async with database.write() as connection:
        await retirement.retire(connection, "ch_1", "cred_old")
    assert await held(database, "ch_1") == (NEW,)
    assert await held(database, "ch_2") == (OLD,)


async def test_a_credential_with_an_open_job_stays_retired_until_the_job_ends(database: Database) -> None:
    running = replace(job(), channel_id="ch_1", credential_id="cred_old")
    await prepare(database, running)
    async with database.write() as connection:
        await retirement.retire(connection, "ch_1", "cred_old")
        assert await retirement.purge(connection) == []
    assert await held(database, "ch_1") == (replace(OLD, retired=True), NEW)
    async with database.write() as connection:
        await jobs.record(connection, fail(running, Failure("x", "x"), NOW))
        before = await revision.current(connection)
        assert await retirement.purge(connection) == ["cred_old"]
        assert await revision.current(connection) > before
    assert await held(database, "ch_1") == (NEW,)
    assert await held(database, "ch_2") == (OLD,)


async def test_a_purge_without_a_find_does_not_move_the_revision(database: Database) -> None:
    await prepare(database)
    async with database.write() as connection:
        before = await revision.current(connection)
        assert await retirement.purge(connection) == []
        assert await revision.current(connection) == before


async def test_a_retired_credential_that_is_given_again_is_in_use_again(database: Database) -> None:
    await prepare(database, replace(job(), channel_id="ch_1", credential_id="cred_old"))
    async with database.write() as connection:
        await retirement.retire(connection, "ch_1", "cred_old")
        await channels.update_one(connection, VAULT, channel(1, OLD))
    assert await held(database, "ch_1") == (OLD, NEW)

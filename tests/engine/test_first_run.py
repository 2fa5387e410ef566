"""What a start makes when it is missing, once, however many processes start."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.domain.channels import Channel
from app.engine.channels import ChannelDesk
from app.engine.configuration import Configuration
from app.engine.first_run import FirstRun, first_run
from app.engine.keys import KeyDesk
from app.settings import Settings
from app.store import channels as channel_store
from app.store.database import Database
from app.store.secrets import Vault
from tests.databases import fresh_database

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, tzinfo=UTC)
VAULT = Vault(["tests"])


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    with fresh_database(request.param, tmp_path) as url:
        opened = Database.open(url)
        yield opened
        await opened.close()


async def start(database: Database, environ: dict[str, str] | None = None, admin_key: str | None = None) -> FirstRun:
    settings = Settings(admin_key=SecretStr(admin_key) if admin_key else None, _env_file=None)
    return await first_run(database, VAULT, settings, environ or {}, NOW)


async def channels(database: Database) -> dict[str, Channel]:
    async with database.read() as connection:
        return {channel.name: channel for channel in await channel_store.every(connection, VAULT)}


async def known(database: Database) -> Configuration:
    configuration = Configuration(database, VAULT)
    await configuration.refresh()
    return configuration


async def test_an_empty_database_gets_the_sandbox_and_two_keys_that_work(database: Database) -> None:
    made = await start(database)
    assert made.admin_key is not None
    assert made.client_key is not None
    configuration = await known(database)
    assert configuration.is_admin(made.admin_key)
    assert configuration.key(made.client_key) is not None
    assert set(await channels(database)) == {"sandbox"}
    assert made.client_key not in repr(made)


async def test_a_second_start_makes_nothing(database: Database) -> None:
    await start(database)
    assert await start(database) == FirstRun(None, None)
    assert len(await KeyDesk(database, VAULT, lambda: NOW).page(before=None, limit=10)) == 1


async def test_of_several_processes_exactly_one_learns_each_key(database: Database) -> None:
    made = await asyncio.gather(*(start(database, {"ARK_API_KEY": "canary-ark"}) for _ in range(4)))
    assert sum(one.admin_key is not None for one in made) == 1
    assert sum(one.client_key is not None for one in made) == 1
    assert set(await channels(database)) == {"sandbox", "env-ark"}


async def test_a_database_with_a_key_gets_no_sandbox(database: Database) -> None:
    first = await start(database)
    desk = ChannelDesk(database, VAULT, lambda: NOW)
    await desk.delete((await desk.find("sandbox")).id)
    again = await start(database)
    assert first.client_key is not None
    assert again.client_key is None


async def test_a_given_admin_key_counts_from_the_next_start_and_is_not_shown(database: Database) -> None:
    first = await start(database)
    again = await start(database, admin_key="fg-admin-mine")
    assert again.admin_key is None
    configuration = await known(database)
    assert configuration.is_admin("fg-admin-mine")
    assert not configuration.is_admin(first.admin_key or "")


async def test_vendor_variables_make_a_channel_each(database: Database) -> None:
    await start(database, {"ARK_API_KEY": "canary-ark", "BYTEPLUS_API_KEY": " ", "PATH": "/bin"})
    channel = (await channels(database))["env-ark"]
    assert channel.models == "*"
    assert channel.groups == {"default"}
    assert channel.enabled
    assert [dict(credential.fields) for credential in channel.credentials] == [{"api_key": "canary-ark"}]
    assert set(await channels(database)) == {"sandbox", "env-ark"}


async def test_a_changed_variable_changes_the_credential_in_place(database: Database) -> None:
    await start(database, {"ARK_API_KEY": "canary-old"})
    before = (await channels(database))["env-ark"]
    await start(database, {"ARK_API_KEY": "canary-new"})
    after = (await channels(database))["env-ark"]
    assert (after.id, after.credentials[0].id) == (before.id, before.credentials[0].id)
    assert after.credentials[0].text("api_key") == "canary-new"


async def test_a_channel_is_disabled_when_its_variables_go_and_enabled_when_they_return(database: Database) -> None:
    environ = {"ARK_API_KEY": "canary-ark"}
    await start(database, environ)
    await start(database)
    gone = (await channels(database))["env-ark"].enabled
    await start(database, environ)
    assert (gone, (await channels(database))["env-ark"].enabled) == (False, True)


async def test_what_operators_set_on_an_environment_channel_stays(database: Database) -> None:
    environ = {"ARK_API_KEY": "canary-ark"}
    await start(database, environ)
    desk = ChannelDesk(database, VAULT, lambda: NOW)
    held = await desk.find("env-ark")
    changed = await desk.change(held.id, lambda channel: replace(channel, enabled=False, priority=9))
    await start(database, environ)
    assert (await channels(database))["env-ark"] == changed


async def test_a_deleted_environment_channel_is_made_anew(database: Database) -> None:
    environ = {"ARK_API_KEY": "canary-ark"}
    await start(database, environ)
    desk = ChannelDesk(database, VAULT, lambda: NOW)
    await desk.delete((await desk.find("env-ark")).id)
    await start(database, environ)
    assert (await desk.find("env-ark")).enabled


async def test_a_base_url_beside_the_credential_points_the_channel_there(database: Database) -> None:
    await start(database, {"NEWAPI_API_KEY": "alone"})
    assert "env-newapi" not in await channels(database)
    await start(database, {"NEWAPI_API_KEY": "k", "NEWAPI_BASE_URL": "https://relay.example.com/v1"})
    assert (await channels(database))["env-newapi"].base_url == "https://relay.example.com"
    await start(database, {"NEWAPI_API_KEY": "k", "NEWAPI_BASE_URL": "https://other.example.com"})
    assert (await channels(database))["env-newapi"].base_url == "https://other.example.com"

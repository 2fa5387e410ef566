"""Every change of a key or channel leaves a line, in the same transaction, without a secret."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.channels import Channel, Credential, Key
from app.domain.errors import NotFound
from app.engine.audit import Actor, AuditDesk, changes_of
from app.engine.channels import ChannelDesk
from app.engine.first_run import first_run
from app.engine.keys import KeyDesk
from app.settings import Settings
from app.store import audit as audit_store
from app.store.audit import AuditLine
from app.store.database import Database
from app.store.secrets import Vault
from tests.databases import fresh_database

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, tzinfo=UTC)
VAULT = Vault(["tests"])
ADMIN = Actor("admin", "req_1")
SECRET, OTHER = "Wq7credentialCanaryZk3", "Xr8anotherCredentialJv9"
KEY = Key(id="", name="boats", hash="", rpm=60)
CHANNEL = Channel(
    id="",
    name="ark",
    adapter="ark",
    base_url="https://ark.example.com/api/v3",
    credentials=(Credential("", {"api_key": SECRET}),),
    models={"film-1": "seedance", "film-2": "seedance-lite"},
)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    with fresh_database(request.param, tmp_path) as url:
        opened = Database.open(url)
        yield opened
        await opened.close()


def keys_of(database: Database) -> KeyDesk:
    return KeyDesk(database, VAULT, lambda: NOW, ADMIN)


def channels_of(database: Database) -> ChannelDesk:
    return ChannelDesk(database, VAULT, lambda: NOW, ADMIN)


async def lines(database: Database) -> list[AuditLine]:
    """Every line, the oldest first."""
    async with database.read() as connection:
        return (await audit_store.page(connection))[::-1]


async def test_the_life_of_a_key_is_told(database: Database) -> None:
    desk = keys_of(database)
    made_key = await desk.add(KEY)
    key, text = made_key.key, made_key.text
    await desk.change(key.id, lambda held: replace(held, rpm=None, budget=2_500_000))
    await desk.delete(key.id)
    made, changed, gone = await lines(database)
    assert [line.action for line in (made, changed, gone)] == ["create", "update", "delete"]
    assert {(line.actor, line.request_id, line.kind, line.subject, line.name) for line in (made, changed, gone)} == {
        ("admin", "req_1", "key", key.id, "boats")
    }
    assert made.changes["rpm"] == {"from": None, "to": 60}
    assert changed.changes == {"rpm": {"from": 60, "to": None}, "budget_usd": {"from": None, "to": "2.500000"}}
    assert gone.changes["budget_usd"] == {"from": "2.500000", "to": None}
    told = json.dumps([line.changes for line in (made, changed, gone)])
    assert text not in told
    assert key.hash not in told


async def test_the_life_of_a_channel_is_told_without_its_credentials(database: Database) -> None:
    desk = channels_of(database)
    channel = await desk.add(CHANNEL)
    added = Credential("", {"api_key": OTHER})
    await desk.change(channel.id, lambda held: replace(held, credentials=(*held.credentials, added)))
    await desk.change(channel.id, lambda held: replace(held, models={"film-1": "seedance-2", "film-2": "seedance-lite"}))
    await desk.delete(channel.id)
    made, rotated, mapped, gone = await lines(database)
    assert made.changes["credentials"] == {"from": [], "to": [{"id": channel.credentials[0].id, "api_key": "Wq7****yZk3"}]}
    assert list(rotated.changes) == ["credentials"]
    assert mapped.changes == {"models": {"from": {"film-1": "seedance"}, "to": {"film-1": "seedance-2"}}}
    assert gone.action == "delete"
    told = json.dumps([line.changes for line in (made, rotated, mapped, gone)])
    assert SECRET not in told
    assert OTHER not in told


async def test_a_credential_that_is_replaced_leaves_a_line_though_its_mask_is_the_same(database: Database) -> None:
    desk = channels_of(database)
    channel = await desk.add(CHANNEL)
    await desk.change(
        channel.id, lambda held: replace(held, credentials=(Credential(held.credentials[0].id, {"api_key": "short"}),))
    )
    await desk.change(
        channel.id, lambda held: replace(held, credentials=(Credential(held.credentials[0].id, {"api_key": "brief"}),))
    )
    last = (await lines(database))[-1]
    masked = [{"id": channel.credentials[0].id, "api_key": "****"}]
    assert last.changes == {"credentials": {"from": masked, "to": masked}}


async def test_a_change_that_changes_nothing_leaves_no_line(database: Database) -> None:
    key = (await keys_of(database).add(KEY)).key
    channel = await channels_of(database).add(CHANNEL)
    await keys_of(database).change(key.id, lambda held: held)
    await channels_of(database).change(channel.id, lambda held: held)
    assert [line.action for line in await lines(database)] == ["create", "create"]


async def test_a_change_that_fails_leaves_no_line(database: Database) -> None:
    def broken(held: Key) -> Key:
        raise RuntimeError

    key = (await keys_of(database).add(KEY)).key
    with pytest.raises(RuntimeError):
        await keys_of(database).change(key.id, broken)
    with pytest.raises(NotFound):
        await channels_of(database).delete("nobody's")
    assert len(await lines(database)) == 1


async def test_whoever_has_no_name_is_the_command_line(database: Database) -> None:
    await KeyDesk(database, VAULT, lambda: NOW).add(KEY)
    await ChannelDesk(database, VAULT, lambda: NOW).add(CHANNEL)
    assert {(line.actor, line.request_id) for line in await lines(database)} == {("command line", None)}


async def test_what_a_start_makes_is_the_environments_doing_and_told_once(database: Database) -> None:
    settings = Settings(_env_file=None)
    for environ in ({"ARK_API_KEY": SECRET}, {"ARK_API_KEY": SECRET}, {"ARK_API_KEY": OTHER}, {}):
        await first_run(database, VAULT, settings, environ, NOW)
    told = await lines(database)
    assert [(line.action, line.kind, line.name) for line in told] == [
        ("create", "channel", "sandbox"),
        ("create", "key", "first key"),
        ("create", "channel", "env-ark"),
        ("update", "channel", "env-ark"),
        ("update", "channel", "env-ark"),
    ]
    assert {line.actor for line in told} == {"environment"}
    assert told[-1].changes == {"enabled": {"from": True, "to": False}}


def test_a_credential_that_stands_elsewhere_by_mistake_is_taken_out() -> None:
    channel = replace(
        CHANNEL,
        base_url=f"https://user:{OTHER}@ark.example.com/?key={SECRET}",
        settings={"note": f"the key is {SECRET}", "token": OTHER},
        set_fields={"api_key": OTHER},
    )
    told = json.dumps(changes_of(None, channel))
    assert SECRET not in told
    assert OTHER not in told


def test_every_kind_of_value_has_a_form() -> None:
    key = replace(KEY, groups=frozenset({"b", "a"}), models=frozenset({"m"}), expires_at=NOW, allowed_ips=("10.0.0.0/8",))
    changes = changes_of(None, key)
    assert changes["groups"] == {"from": None, "to": ["a", "b"]}
    assert changes["expires_at"] == {"from": None, "to": int(NOW.timestamp())}
    assert changes["allowed_ips"] == {"from": None, "to": ["10.0.0.0/8"]}
    ratio = changes_of(CHANNEL, replace(CHANNEL, price_ratio=Decimal("1.10")))
    assert ratio == {"price_ratio": {"from": "1", "to": "1.10"}}


async def test_operators_read_lines_with_times_in_seconds(database: Database) -> None:
    key = (await keys_of(database).add(KEY)).key
    (shown,) = await AuditDesk(database).page(kind="key", limit=10)
    assert list(shown) == ["id", "at", "actor", "action", "kind", "subject", "name", "changes", "request_id"]
    assert (shown["at"], shown["subject"]) == (int(NOW.timestamp()), key.id)

"""Files of groups, channels and keys: all or nothing, the same the second time, and no secret in sight."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.api.admin.channel_bodies import ChannelBody
from app.api.admin.key_bodies import KeyBody
from app.domain.channels import Channel, Credential, Key
from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.engine.channels import ChannelDesk
from app.engine.configuration import ADMIN_KEY_SETTING, Configuration
from app.engine.declared import Applied, DeclarationDesk
from app.engine.declared_channels import channel_steps
from app.engine.declared_file import read_declared
from app.engine.declared_keys import Holders, key_steps
from app.engine.declared_steps import Change
from app.engine.declared_tables import Table
from app.engine.guard import Guard
from app.engine.keys import KeyDesk
from app.store import audit as audit_store
from app.store import channels as channel_store
from app.store import groups as group_store
from app.store import jobs as job_store
from app.store import keys as key_store
from app.store import revision
from app.store import settings as setting_store
from app.store.audit import AuditLine
from app.store.database import Database
from app.store.keys import hash_key
from app.store.secrets import Vault
from tests.databases import fresh_database
from tests.store.samples import job

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, tzinfo=UTC)
VAULT = Vault(["tests"])
GUARD = Guard(("hooks.lan",))
SECRET, OTHER = "Wq7credentialCanaryZk3", "Xr8anotherCredentialJv9"
TEXT, NEXT = "sk-team-0123456789-0123456789-0123456789", "sk-next-9876543210-9876543210-9876543210"
ALIKE = f"{NEXT[:-1]}x"
ENVIRON = {"ARK_API_KEY": SECRET, "TEAM_KEY": TEXT}

CHANNEL = """
[[channels]]
name = "ark"
adapter = "ark"
credentials = [{api_key = "${ARK_API_KEY}"}]
models = ["film-1"]
priority = 5
prices.film-1 = {unit = "second", usd = {720p = "0.05", "*" = 0.1}}
overrides = {set = {watermark = false}, drop = ["seed"]}
"""
SANDBOX = """
[[channels]]
name = "try"
adapter = "sandbox"
"""
KEY = """
[[keys]]
name = "team"
groups = ["vip"]
rpm = 60
budget_usd = "25"
"""
FIXED = """
[[keys]]
name = "fixed"
key = "${TEAM_KEY}"
"""
GROUP = """
[[groups]]
name = "vip"
price_ratio = 0.8
"""
EVERYTHING = CHANNEL + SANDBOX + KEY + FIXED + GROUP


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    with fresh_database(request.param, tmp_path) as url:
        opened = Database.open(url)
        yield opened
        await opened.close()


def desk_of(database: Database, now: datetime = NOW, vault: Vault = VAULT) -> DeclarationDesk:
    return DeclarationDesk(database, vault, GUARD, lambda: now)


async def apply(database: Database, text: str, environ: Mapping[str, str] = ENVIRON, *, prune: bool = False) -> Applied:
    return await desk_of(database).apply(read_declared(text, environ), prune=prune)


async def refusal(database: Database, text: str, environ: Mapping[str, str] = ENVIRON) -> InvalidRequest:
    """How a file is refused, which changes nothing."""
    before = await state(database)
    with pytest.raises(InvalidRequest) as caught:
        await apply(database, text, environ)
    assert await state(database) == before
    return caught.value


async def state(database: Database) -> tuple[int, list[Channel], list[Key], dict[str, Decimal], int]:
    async with database.read() as connection:
        return (
            await revision.current(connection),
            await channel_store.every(connection, VAULT),
            await key_store.every(connection),
            await group_store.every(connection),
            len(await audit_store.page(connection)),
        )


async def channels(database: Database) -> dict[str, Channel]:
    async with database.read() as connection:
        return {channel.name: channel for channel in await channel_store.every(connection, VAULT) if not channel.deleted}


async def keys(database: Database) -> dict[str, Key]:
    async with database.read() as connection:
        return {key.name: key for key in await key_store.every(connection)}


async def lines(database: Database) -> list[AuditLine]:
    """Every line of the audit log, the oldest first."""
    async with database.read() as connection:
        return (await audit_store.page(connection))[::-1]


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, str]]:
    return [(change.action, change.kind, change.name) for change in changes]


def written(changes: tuple[Change, ...]) -> str:
    return json.dumps([asdict(change) for change in changes], default=dict)


async def test_a_file_makes_what_it_says(database: Database) -> None:
    applied = await apply(database, EVERYTHING)
    assert told(applied.changes) == [
        ("update", "group", "vip"),
        ("create", "channel", "ark"),
        ("create", "channel", "try"),
        ("create", "key", "team"),
        ("create", "key", "fixed"),
    ]
    ark, team = (await channels(database))["ark"], (await keys(database))["team"]
    assert [credential.fields for credential in ark.credentials] == [{"api_key": SECRET}]
    assert (ark.priority, ark.models, ark.set_fields, ark.drop_fields) == (5, {"film-1": "film-1"}, {"watermark": False}, ("seed",))
    assert (team.groups, team.rpm, team.budget) == (frozenset({"vip"}), 60, 25_000_000)
    assert (ark.created_at, team.created_at) == (NOW, NOW)
    assert (await state(database))[3] == {"vip": Decimal("0.8")}


async def test_a_gateway_that_runs_knows_it_at_its_next_look(database: Database) -> None:
    configuration = Configuration(database, VAULT)
    await configuration.refresh()
    applied = await apply(database, EVERYTHING)
    await configuration.refresh()
    assert configuration.key(TEXT) is not None
    assert [configuration.key(new.text) is not None for new in applied.keys] == [True]
    assert {channel.name for channel in configuration.channels()} == {"ark", "try"}
    assert configuration.ratios() == {"vip": Decimal("0.8")}


async def test_a_second_time_there_is_nothing_to_do_and_nothing_is_written(database: Database) -> None:
    await apply(database, EVERYTHING)
    before = await state(database)
    assert await apply(database, EVERYTHING) == Applied()
    assert await apply(database, EVERYTHING, prune=True) == Applied()
    assert await state(database) == before


async def test_of_several_at_once_one_makes_it(database: Database) -> None:
    applied = await asyncio.gather(*(apply(database, EVERYTHING) for _ in range(3)))
    assert sorted(len(one.changes) for one in applied) == [0, 0, 5]
    assert sorted(key.name for key in (await state(database))[2]) == ["fixed", "team"]


async def test_the_difference_is_what_apply_would_do_and_writes_nothing(database: Database) -> None:
    before = await state(database)
    difference = await desk_of(database).difference(read_declared(EVERYTHING, ENVIRON))
    assert await state(database) == before
    assert difference == (await apply(database, EVERYTHING)).changes


async def test_every_change_leaves_a_line_in_the_name_of_apply(database: Database) -> None:
    await apply(database, EVERYTHING)
    await apply(database, EVERYTHING.replace("rpm = 60", "rpm = 61").replace("0.8", "0.9").replace("priority = 5", "priority = 6"))
    found = await lines(database)
    assert {line.actor for line in found} == {"apply"}
    assert [(line.action, line.name, line.changes) for line in found[5:]] == [
        ("update", "vip", {"price_ratio": {"from": "0.8", "to": "0.9"}}),
        ("update", "ark", {"priority": {"from": 5, "to": 6}}),
        ("update", "team", {"rpm": {"from": 60, "to": 61}}),
    ]


async def test_what_the_file_leaves_out_stays(database: Database) -> None:
    await apply(database, EVERYTHING)
    mine = await ChannelDesk(database, VAULT, lambda: NOW).add(Channel(id="", name="mine", adapter="sandbox", base_url=""))
    before = await channels(database)
    short = '[[channels]]\nname = "ark"\nadapter = "ark"\nweight = 3\n[[keys]]\nname = "team"\nstrict = true\n'
    applied = await apply(database, short)
    assert [change.fields for change in applied.changes] == [
        {"weight": {"from": 1, "to": 3}},
        {"strict": {"from": False, "to": True}},
    ]
    assert await channels(database) == {**before, "ark": replace(before["ark"], weight=3), "mine": mine}
    assert (await keys(database))["team"].rpm == 60


async def test_none_takes_a_limit_away_for_toml_has_no_null(database: Database) -> None:
    limits = 'max_concurrency = 2\nexpires_at = 2100-01-01T00:00:00Z\nmodels = ["film-1"]\nallowed_ips = ["10.0.0.0/8"]\n'
    await apply(database, KEY + limits)
    before = (await keys(database))["team"]
    assert (before.max_concurrency, before.expires_at) == (2, datetime(2100, 1, 1, tzinfo=UTC))
    nothing = 'max_concurrency = "none"\nexpires_at = "none"\nmodels = "*"\nallowed_ips = []\n'
    await apply(database, KEY.replace("60", '"none"').replace('"25"', '"none"') + nothing)
    after = (await keys(database))["team"]
    assert (after.rpm, after.budget, after.max_concurrency, after.expires_at, after.models) == (None, None, None, None, None)
    assert after.allowed_ips == ()


async def test_a_file_that_is_wrong_anywhere_changes_nothing(database: Database) -> None:
    error = await refusal(database, EVERYTHING + '[[channels]]\nname = "bad"\nadapter = "nobody"\n')
    assert error.param == "channels[2].adapter"


class BrokenVault(Vault):
    """Cannot seal a second time."""

    def seal(self, fields: JsonObject) -> str:
        if OTHER in fields.values():
            raise RuntimeError
        return super().seal(fields)


async def test_what_fails_in_the_middle_leaves_nothing(database: Database) -> None:
    before = await state(database)
    second = CHANNEL.replace('"ark"\nadapter', '"second"\nadapter').replace("${ARK_API_KEY}", OTHER)
    with pytest.raises(RuntimeError):
        await desk_of(database, vault=BrokenVault(["tests"])).apply(read_declared(GROUP + CHANNEL + second, ENVIRON))
    assert await state(database) == before


@pytest.mark.parametrize(
    ("text", "param", "said"),
    [
        ("[[channels]]\nadapter = 'sandbox'", "channels[0].name", "is missing"),
        ("[[channels]]\nname = 'a'", "channels[0].adapter", "is missing"),
        ("[[channels]]\nname = 'a'\nadapter = 'ark'", "channels[0].credentials", "needs a credential with api_key"),
        ("[[channels]]\nname = 'a'\nadapter = 'sandbox'\npriorty = 1", "channels[0].priorty", "not a known field"),
        (SANDBOX + CHANNEL.replace('usd = {720p = "0.05"', 'usd = {720p = "x"'), "channels[1].prices.film-1", "not an amount"),
        (SANDBOX + SANDBOX, "channels[1].name", "is the one of channels[0]"),
        (SANDBOX.replace('"try"', '"env-ark"'), "channels[0].name", "starts with env-"),
        (SANDBOX + "models = [1]", "channels[0].models[0]", "must be a string"),
        (SANDBOX + "models = {a = ''}", "channels[0].models.a", "is empty"),
        (SANDBOX + "models = 1", "channels[0].models", 'must be "*", a list'),
        (SANDBOX + "overrides = {keep = 1}", "channels[0].overrides.keep", "not a known field"),
        (SANDBOX + "settings = {a = inf}", "channels[0].settings", "not finite"),
        (SANDBOX + "settings = {a = 0xffffffffffffffffff}", "channels[0].settings", "beyond 64 bits"),
        (SANDBOX + "credentials = [{api_key = 'x'}]", "channels[0].credentials.api_key", "knows no credential field"),
        (CHANNEL.replace('"${ARK_API_KEY}"', "'{broken'"), "channels[0].credentials[0].api_key", "holds broken JSON"),
        (KEY + "allowed_ips = ['::1', 'example.com']", "keys[0].allowed_ips[1]", "must be an address"),
        (KEY + "expires_at = 2026-11-19", "keys[0].expires_at", "lies in the past"),
        (KEY + "expires_at = 'soon'", "keys[0].expires_at", "is no time"),
        (KEY + "key = 'sk-short'", "keys[0].key", "at least 32 characters"),
        (KEY + f"key = '{TEXT[:20]} {TEXT[20:]}'", "keys[0].key", "without blanks"),
        (KEY + f"key = '{TEXT}'" + FIXED, "keys[1].key", "is the text of the key 'team'"),
        (KEY.replace('"25"', "0x" + "f" * 5_000), "keys[0].budget_usd", "beyond 64 bits"),
        (KEY.replace('"25"', '"0.0000001"'), "keys[0].budget_usd", "more than six decimals"),
        ("[[groups]]\nname = 'vip'", "groups[0].price_ratio", "is missing"),
        ("[[groups]]\nname = 'vip'\nprice_ratio = -1", "groups[0].price_ratio", "must be from 0"),
        ("[channels]\nname = 'a'", "channels", "must be written as [[channels]]"),
        ("channels = [1]", "channels[0]", "must be written as [[channels]]"),
        ("[[channel]]\nname = 'a'", "channel", "a file has [[groups]], [[channels]], [[keys]]"),
        ("[[channels]\n", None, "is not TOML"),
        ("a = " + "[" * 5_000, None, "is nested too deeply"),
        (SANDBOX + f"settings.{'a.' * 50}a = 1", f"channels[0].settings{'.a' * 33}", "is nested too deeply"),
    ],
)
async def test_a_refusal_names_the_place_in_the_file(database: Database, text: str, param: str | None, said: str) -> None:
    error = await refusal(database, text)
    assert error.param == param
    assert said in error.message


async def test_a_variable_that_is_not_set_is_said_with_its_place(database: Database) -> None:
    error = await refusal(database, SANDBOX + CHANNEL, {"ARK_API_KEY": ""})
    assert (error.param, error.message) == (
        "channels[1].credentials[0].api_key",
        "The environment variable ARK_API_KEY is not set.",
    )


def test_texts_take_variables_and_doubled_dollars_do_not() -> None:
    file = read_declared('[[keys]]\nname = "a ${A}${B} $C $${A}"\nrpm = 5', {"A": "1", "B": "2", "C": "3"})
    assert file.keys[0].fields == {"name": "a 12 $C ${A}", "rpm": 5}
    assert file.keys[0].filled == {"name"}
    with pytest.raises(InvalidRequest, match="no variable's name"):
        read_declared('[[keys]]\nname = "${A-B}"', {})


async def test_no_secret_is_shown_or_told(database: Database) -> None:
    first = CHANNEL + 'base_url = "${ARK_URL}"\nsettings = {note = "${NOTE}"}\n' + KEY + FIXED
    environ = {**ENVIRON, "ARK_URL": f"https://ark.example.com/{OTHER}", "NOTE": "a note of ours"}
    made = await apply(database, first, environ)
    second = await apply(database, first, {**environ, "ARK_API_KEY": OTHER, "TEAM_KEY": NEXT, "NOTE": "another note"})
    shown = written(made.changes) + written(second.changes)
    log = json.dumps([line.changes for line in await lines(database)])
    for secret in (SECRET, OTHER, TEXT, NEXT, hash_key(TEXT), hash_key(NEXT)):
        assert secret not in shown
        assert secret not in repr((read_declared(first, environ), made, second))
    for secret in (SECRET, TEXT, NEXT, hash_key(TEXT), hash_key(NEXT), made.keys[0].text):
        assert secret not in log
    assert "a note" not in shown
    stars = [{"api_key": "****"}]
    assert {change.name: change.fields for change in second.changes} == {
        "ark": {"settings": {"from": "****", "to": "****"}, "credentials": {"from": stars, "to": stars}},
        "fixed": {"key": {"from": "****", "to": "****"}},
    }


async def test_an_error_shows_nothing_that_came_from_the_environment(database: Database) -> None:
    error = await refusal(database, '[[channels]]\nname = "a"\nadapter = "${ARK_API_KEY}"')
    assert error.message.startswith("There is no adapter '***'.")


async def test_a_credential_may_be_json_in_a_variable(database: Database) -> None:
    account = {"client_email": "a@example.com", "private_key": "canary", "token_uri": "https://example.com"}
    text = '[[channels]]\nname = "v"\nadapter = "vertex"\ncredentials = [{service_account = "${ACCOUNT}", project = "p"}]\n'
    await apply(database, text, {"ACCOUNT": json.dumps(account)})
    assert (await channels(database))["v"].credentials[0].fields == {"service_account": account, "project": "p"}
    assert await apply(database, text, {"ACCOUNT": json.dumps(account)}) == Applied()


def with_credentials(*texts: str) -> str:
    listed = ", ".join(f'{{api_key = "{text}"}}' for text in texts)
    return CHANNEL.replace('[{api_key = "${ARK_API_KEY}"}]', f"[{listed}]")


async def test_credentials_that_stay_keep_their_ids_in_whatever_order_the_file_has_them(database: Database) -> None:
    await apply(database, with_credentials("one", "two"))
    one, two = (await channels(database))["ark"].credentials
    assert await apply(database, with_credentials(" two ", "one")) == Applied()
    await apply(database, with_credentials("three", "two"))
    kept, new = (await channels(database))["ark"].credentials
    assert kept == two
    assert (new.fields, new.id in (one.id, two.id)) == ({"api_key": "three"}, False)


async def test_a_credential_that_a_running_job_needs_is_retired_and_no_difference(database: Database) -> None:
    await apply(database, with_credentials("one", "two"))
    ark = (await channels(database))["ark"]
    async with database.write() as connection:
        running = replace(job(), channel_id=ark.id, credential_id=ark.credentials[0].id)
        await job_store.insert(connection, running, owner=None)
    await apply(database, with_credentials("two"))
    assert (await channels(database))["ark"].credentials == (replace(ark.credentials[0], retired=True), ark.credentials[1])
    assert await apply(database, with_credentials("two")) == Applied()


async def test_a_channel_cannot_change_its_adapter(database: Database) -> None:
    await apply(database, SANDBOX)
    error = await refusal(database, CHANNEL.replace('"ark"\nadapter', '"try"\nadapter'))
    assert (error.param, "adapter 'sandbox'" in error.message) == ("channels[0].adapter", True)


async def test_only_a_key_without_a_text_in_the_file_is_shown_once(database: Database) -> None:
    applied = await apply(database, KEY + FIXED)
    (shown,) = applied.keys
    stored = await keys(database)
    assert (shown.name, hash_key(shown.text)) == ("team", stored["team"].hash)
    assert (stored["fixed"].hash, stored["fixed"].hint) == (hash_key(TEXT), TEXT[:7])


async def test_another_text_replaces_the_keys_hash_and_leaves_a_line(database: Database) -> None:
    await apply(database, FIXED)
    before = (await keys(database))["fixed"]
    await apply(database, FIXED, {"TEAM_KEY": NEXT})
    await apply(database, FIXED, {"TEAM_KEY": ALIKE})
    assert (await keys(database))["fixed"] == replace(before, hash=hash_key(ALIKE), hint=ALIKE[:7])
    first, second = [line.changes for line in (await lines(database))[1:]]
    assert first == {"hint": {"from": "sk-team", "to": "sk-next"}, "key": {"from": "****", "to": "****"}}
    assert second == {"key": {"from": "****", "to": "****"}}
    assert await apply(database, FIXED.replace('key = "${TEAM_KEY}"', "")) == Applied()


async def test_two_keys_cannot_have_one_text_nor_the_admin_keys(database: Database) -> None:
    async with database.write() as connection:
        await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(NEXT))
    await apply(database, FIXED)
    taken = await refusal(database, KEY + f'key = "{TEXT}"')
    admin = await refusal(database, KEY + f'key = "{NEXT}"')
    swapped = await refusal(database, FIXED.replace("${TEAM_KEY}", NEXT) + KEY + f'key = "{TEXT}"')
    assert [error.message for error in (taken, admin)] == [
        "`key` is the text of the key 'fixed'.",
        "`key` is the text of the admin key.",
    ]
    assert swapped.param == "keys[0].key"


async def test_a_name_that_several_keys_have_is_refused(database: Database) -> None:
    for _ in range(2):
        await KeyDesk(database, VAULT, lambda: NOW).add(Key(id="", name="team", hash=""))
    error = await refusal(database, KEY)
    assert error.param == "keys[0].name"
    assert all(key.id in error.message for key in (await state(database))[2])


async def test_a_key_that_has_expired_since_is_no_difference(database: Database) -> None:
    text, later = KEY + "expires_at = 2026-11-21", desk_of(database, NOW + timedelta(days=9))
    await apply(database, text)
    assert await later.apply(read_declared(text, {})) == Applied()
    applied = await later.apply(read_declared(text.replace("rpm = 60", "rpm = 61"), {}))
    assert [change.fields for change in applied.changes] == [{"rpm": {"from": 60, "to": 61}}]


async def test_prune_deletes_what_a_file_made_and_nothing_else(database: Database) -> None:
    await ChannelDesk(database, VAULT, lambda: NOW).add(Channel(id="", name="mine", adapter="sandbox", base_url=""))
    mine = '[[channels]]\nname = "mine"\nadapter = "sandbox"\nweight = 2\n'
    await KeyDesk(database, VAULT, lambda: NOW).add(Key(id="", name="by hand", hash=""))
    await apply(database, EVERYTHING + mine)
    assert await apply(database, CHANNEL + KEY) == Applied()
    pruned = await apply(database, CHANNEL + KEY, prune=True)
    assert told(pruned.changes) == [("delete", "channel", "try"), ("delete", "key", "fixed")]
    assert set(await channels(database)) == {"mine", "ark"}
    assert set(await keys(database)) == {"by hand", "team"}
    assert [(line.action, line.actor, line.name) for line in (await lines(database))[-2:]] == [
        ("delete", "apply", "try"),
        ("delete", "apply", "fixed"),
    ]
    assert await apply(database, CHANNEL + KEY, prune=True) == Applied()


async def test_what_was_pruned_is_forgotten(database: Database) -> None:
    await apply(database, SANDBOX + FIXED)
    await apply(database, SANDBOX, prune=True)
    async with database.read() as connection:
        remembered = await setting_store.get(connection, "made_by_apply")
    assert remembered == json.dumps([(await channels(database))["try"].id])


async def test_prune_leaves_a_namesake_that_an_operator_made(database: Database) -> None:
    await apply(database, SANDBOX)
    desk = ChannelDesk(database, VAULT, lambda: NOW)
    await desk.delete((await desk.find("try")).id)
    await desk.add(Channel(id="", name="try", adapter="sandbox", base_url=""))
    assert await apply(database, "", prune=True) == Applied()


async def test_a_pruned_keys_text_may_go_to_another_key(database: Database) -> None:
    await apply(database, FIXED)
    renamed = FIXED.replace('"fixed"', '"renamed"')
    assert (await refusal(database, renamed)).message == "`key` is the text of the key 'fixed'."
    await apply(database, renamed, prune=True)
    assert {name: key.hash for name, key in (await keys(database)).items()} == {"renamed": hash_key(TEXT)}


async def test_an_environments_channel_may_be_tuned_though_not_made(database: Database) -> None:
    async with database.write() as connection:
        held = Channel(id="ch_1", name="env-ark", adapter="ark", base_url="https://ark.example.com/api/v3")
        await channel_store.insert_one(connection, VAULT, replace(held, credentials=(Credential("c", {"api_key": "k"}),)))
    applied = await apply(database, '[[channels]]\nname = "env-ark"\nadapter = "ark"\npriority = 7\n')
    assert told(applied.changes) == [("update", "channel", "env-ark")]
    assert (await channels(database))["env-ark"].priority == 7


@pytest.mark.parametrize("kept", [True, False])
async def test_a_file_says_whether_results_are_kept_until_it_says_none(database: Database, kept: bool) -> None:
    said, unsaid = f"keep_results = {str(kept).lower()}\n", 'keep_results = "none"\n'
    await apply(database, SANDBOX + said + KEY + said)
    assert ((await channels(database))["try"].keep_results, (await keys(database))["team"].keep_results) == (kept, kept)
    assert await apply(database, SANDBOX + KEY) == Applied()
    applied = await apply(database, SANDBOX + unsaid + KEY + unsaid)
    assert [change.fields for change in applied.changes] == [{"keep_results": {"from": kept, "to": None}}] * 2
    assert ((await channels(database))["try"].keep_results, (await keys(database))["team"].keep_results) == (None, None)


async def test_a_keys_callback_address_is_kept_until_the_file_says_none(database: Database) -> None:
    for address in ("https://app.example.com/hook", "http://hooks.lan/hook"):
        await apply(database, KEY + f'callback_url = "{address}"')
        assert (await keys(database))["team"].callback_url == address
    await apply(database, KEY + 'callback_url = "none"')
    assert (await keys(database))["team"].callback_url is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://app.example.com/hook", "The URL is not https."),
        ("https://10.0.0.1/hook", "The URL leads to a private address."),
        ("https://localhost/hook", "The URL names a private host."),
        ("https://me:secret@app.example.com/", "The URL carries a user name or password."),
    ],
)
async def test_an_address_to_which_nothing_may_be_sent_is_refused_for_new_and_held_keys(
    database: Database, address: str, said: str
) -> None:
    wrong = KEY + f'callback_url = "{address}"'
    new = await refusal(database, wrong)
    await apply(database, KEY + 'callback_url = "https://app.example.com/hook"')
    held = await refusal(database, wrong)
    assert {(error.param, error.message) for error in (new, held)} == {("keys[0].callback_url", said)}


async def test_an_address_of_the_environment_is_not_shown_when_refused(database: Database) -> None:
    address = "http://app.example.com/Wq7hookCanaryZk3"
    error = await refusal(database, KEY + 'callback_url = "${HOOK}"', {"HOOK": address})
    assert error.param == "keys[0].callback_url"
    assert "Canary" not in error.message


async def test_an_address_that_stays_is_not_judged_again(database: Database) -> None:
    held = KEY + 'callback_url = "http://hooks.lan/hook"\n'
    await apply(database, held)
    stricter = DeclarationDesk(database, VAULT, Guard(), lambda: NOW)
    assert await stricter.apply(read_declared(held, {})) == Applied()
    applied = await stricter.apply(read_declared(held.replace("rpm = 60", "rpm = 61"), {}))
    assert [change.fields for change in applied.changes] == [{"rpm": {"from": 60, "to": 61}}]


# What the admin API takes and what a file takes: the same fields, and the same values of each.

_BY_FIELD: dict[str, list[Json]] = {
    "name": ["a", " a ", "x" * 100, "x" * 101, "", " ", "a\nb", 1],
    "groups": [["a"], ["a", "a", "b"], [], ["x" * 101], [str(n) for n in range(100)], [str(n) for n in range(101)], "a", [1]],
    "max_concurrency": [1, 1_000_000, 0, -1, 1_000_001, True, "x"],
    "rpm": [1, 1_000_000, 0, 1_000_001, 1.5],
    "enabled": [True, False, "x", 2],
    "strict": [True, []],
    "allow_unpriced": [True, "x"],
    "store_prompts": [False, "x"],
    "keep_results": [True, False, "true", "x", "", 2, []],
    "callback_url": [
        "https://a.example.com/hook",
        " HTTPS://a.example.com ",
        "http://hooks.lan/hook",
        "http://a.example.com",
        "https://10.0.0.1/",
        "https://localhost",
        "https://me@a.example.com",
        "ftp://a.example.com",
        "https://",
        "",
        "x",
        1,
        ["x"],
    ],
    "priority": [0, -1_000_000, 1_000_000, -1_000_001, 1_000_001, 1.5, "x"],
    "weight": [0, 1_000_000, -1, 1_000_001],
    "price_ratio": [
        0,
        1,
        0.1,
        "1.5",
        1_000_000,
        1_000_001,
        -1,
        "x",
        "NaN",
        "0.123456789012345",
        "0.1234567890123456",
        "1e-400",
        "1.0000000000000000",
        "1e6",
        "1e7",
    ],
    "base_url": ["", "https://a.example.com", "https://a.example.com/" + "x" * 2_000, "https://a\nb", 1],
    "adapter": ["sandbox", "", 1],
    "credentials": [[], [{}], {}, "x", [1], [{"x" * 101: "y"}], [{}] * 100, [{}] * 101],
    "prices": [{}, {"m": {"unit": "job", "usd": 1}}, {"": 1}, {"x" * 201: 1}, [], "x"],
    "overrides": [{}, {"set": {"a": [1]}, "drop": ["b"]}, {"set": 1}, {"drop": [""]}, {"drop": "x"}, {"other": 1}, 1],
    "settings": [{}, {"a": {"b": [1, "2"]}}, {" ": 1}, 1],
    "allowed_ips": [[], ["10.0.0.0/8", "::1", " 10.1.2.3 "], ["10.0.0.1/8"], ["x"], "::1", ["::1"] * 1_000, ["::1"] * 1_001],
    "budget_usd": [
        0,
        25,
        "25",
        0.5,
        "0.000001",
        "0.0000001",
        "1.0000000",
        "1e-999999",
        1_000_000_000,
        1_000_000_001,
        -1,
        True,
        "x",
        "NaN",
    ],
    "budget_period": ["total", "day", "month", "week", 1],
    "expires_at": ["2100-01-01T00:00:00+02:00", "2100-01-01T00:00:00", "2100-01-01", 4_102_444_800, "soon", True, []],
}
_MODELS: list[Json] = [["m"], ["m", "m"], [], [1], ["x" * 200], ["x" * 201], [str(n) for n in range(10_001)], 1]
_CHANNEL_MODELS: list[Json] = [*_MODELS, "*", {"a": "b"}, {" a ": " b "}, {}, {"a": 1}, {"a": ""}, "m"]


def cases(fields: Iterable[str], models: list[Json]) -> list[tuple[str, Json]]:
    return [(field, value) for field in fields for value in (models if field == "models" else _BY_FIELD[field])]


def short(value: Json) -> str:
    return str(value)[:24]


def named(field: str, value: Json, **others: Json) -> dict[str, Json]:
    return {**others, field: value}


def channel_over_http(body: dict[str, Json]) -> Channel | None:
    try:
        return ChannelBody.model_validate(body).channel()
    except ValidationError:
        return None


def key_over_http(body: dict[str, Json]) -> Key | None:
    try:
        given = KeyBody.model_validate(body)
        given.check(GUARD)
    except (ValidationError, InvalidRequest):
        return None
    return given.key()


def channel_of_a_file(body: dict[str, Json]) -> Channel | None:
    try:
        (step,) = channel_steps([Table("channels[0]", body)], [])
    except InvalidRequest:
        return None
    return step.wanted


def key_of_a_file(body: dict[str, Json]) -> Key | None:
    try:
        (step,) = key_steps([Table("keys[0]", body)], [], Holders({}), GUARD, NOW)
    except InvalidRequest:
        return None
    return step.wanted


@pytest.mark.parametrize(("field", "value"), cases(ChannelBody.model_fields, _CHANNEL_MODELS), ids=short)
def test_a_channels_field_is_read_as_the_admin_api_reads_it(field: str, value: Json) -> None:
    body = named(field, value, name="a", adapter="sandbox")
    over_http, of_a_file = channel_over_http(body), channel_of_a_file(body)
    assert (of_a_file is None) == (over_http is None) or field == "adapter"
    assert over_http is None or of_a_file == replace(over_http, base_url=of_a_file.base_url if of_a_file else "")


@pytest.mark.parametrize(("field", "value"), cases(KeyBody.model_fields, _MODELS), ids=short)
def test_a_keys_field_is_read_as_the_admin_api_reads_it(field: str, value: Json) -> None:
    body = named(field, value, name="a")
    assert key_of_a_file(body) == key_over_http(body)

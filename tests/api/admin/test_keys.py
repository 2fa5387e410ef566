"""`/admin/keys`: shown once, stored hashed, gone at once."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.store import keys as key_store
from app.store.keys import hash_key
from tests.api.conftest import Site, client_of, error_of

pytestmark = pytest.mark.anyio
_LATER = 4_102_444_800  # the year 2100


async def made(admin: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await admin.post("/admin/keys", json={"name": "boats", **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_new_key_is_shown_once_and_works_at_once(site: Site, admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/admin/keys", json={"name": "boats"})
    key = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}", key["key"])
    assert key["hint"] == key["key"][:7]
    later = [
        await admin.get("/admin/keys"),
        await admin.get(f"/admin/keys/{key['id']}"),
        await admin.patch(f"/admin/keys/{key['id']}", json={}),
    ]
    assert re.fullmatch(r"whsec_[A-Za-z0-9]{44}", key["webhook_secret"])
    hidden = (key["key"], hash_key(key["key"]), key["webhook_secret"])
    assert not any(text in shown.text for shown in later for text in hidden)
    async with client_of(site.app, key["key"]) as client:
        assert (await client.get("/v1/models")).status_code == 200


async def test_keys_stored_as_hash_and_compared_constant_time(site: Site, admin: httpx.AsyncClient) -> None:
    key = await made(admin)
    async with site.gateway.database.read() as connection:
        stored = await key_store.get(connection, key["id"])
    assert stored is not None
    assert stored.hash == hash_key(key["key"])
    assert key["key"] not in repr(stored)
    # a lookup by the SHA-256 of what was shown: how long it takes says nothing about the text
    assert site.gateway.configuration.key(key["key"]) == stored


async def test_a_key_has_the_defaults_of_the_contract(admin: httpx.AsyncClient) -> None:
    key = await made(admin)
    defaults = {
        "groups": ["default"],
        "models": None,
        "expires_at": None,
        "strict": False,
        "allowed_ips": [],
        "rpm": None,
        "max_concurrency": None,
        "budget_usd": None,
        "budget_period": "total",
        "allow_unpriced": False,
        "store_prompts": True,
        "keep_results": None,
        "callback_url": None,
        "enabled": True,
    }
    assert {name: key[name] for name in defaults} == defaults


async def test_a_key_keeps_its_limits(site: Site, admin: httpx.AsyncClient) -> None:
    limits = {
        "allowed_ips": ["10.0.0.0/8", "2001:DB8::1"],
        "rpm": 60,
        "max_concurrency": 4,
        "budget_usd": "25",
        "budget_period": "month",
        "allow_unpriced": True,
        "store_prompts": False,
    }
    key = await made(admin, **limits)
    shown = (await admin.get(f"/admin/keys/{key['id']}")).json()
    assert {name: shown[name] for name in limits} == {
        **limits,
        "allowed_ips": ["10.0.0.0/8", "2001:db8::1"],
        "budget_usd": "25.000000",
    }
    held = site.gateway.configuration.key(key["key"])
    assert held is not None
    assert (held.budget, held.rpm, held.max_concurrency, held.store_prompts) == (25_000_000, 60, 4, False)


@pytest.mark.parametrize(
    ("written", "shown"),
    [("0", "0.000000"), (0.1, "0.100000"), ("0.000001", "0.000001"), (7, "7.000000"), ("1000000000", "1000000000.000000")],
)
async def test_a_budget_is_dollars_as_a_text_or_a_number(admin: httpx.AsyncClient, written: object, shown: str) -> None:
    assert (await made(admin, budget_usd=written))["budget_usd"] == shown


async def test_null_takes_a_limit_away_and_silence_leaves_it(admin: httpx.AsyncClient) -> None:
    key = await made(admin, allowed_ips=["10.0.0.1"], rpm=5, max_concurrency=2, budget_usd="1.5", budget_period="day")
    path = f"/admin/keys/{key['id']}"
    kept = (await admin.patch(path, json={"rpm": 6})).json()
    assert (kept["allowed_ips"], kept["rpm"], kept["max_concurrency"], kept["budget_usd"]) == (["10.0.0.1"], 6, 2, "1.500000")
    free = (await admin.patch(path, json={"allowed_ips": None, "rpm": None, "max_concurrency": None, "budget_usd": None})).json()
    assert (free["allowed_ips"], free["rpm"], free["max_concurrency"], free["budget_usd"]) == ([], None, None, None)
    assert free["budget_period"] == "day"


@pytest.mark.parametrize("written", [_LATER, "2100-01-01T00:00:00Z", "2100-01-01T02:00:00+02:00", "2100-01-01T00:00:00"])
async def test_an_expiry_is_unix_seconds_or_a_date(admin: httpx.AsyncClient, written: object) -> None:
    assert (await made(admin, expires_at=written))["expires_at"] == _LATER


async def test_an_expired_key_is_turned_away(site: Site, admin: httpx.AsyncClient) -> None:
    key = await made(admin)
    await admin.patch(f"/admin/keys/{key['id']}", json={"expires_at": 1})
    async with client_of(site.app, key["key"]) as client:
        assert (await client.get("/v1/models")).status_code == 401


async def test_a_key_may_be_kept_to_groups_and_models(site: Site, admin: httpx.AsyncClient) -> None:
    narrow = await made(admin, models=["some-video-model"])
    elsewhere = await made(admin, groups=["nobody"])
    async with client_of(site.app, narrow["key"]) as client, client_of(site.app, elsewhere["key"]) as other:
        refused = await client.post("/v1/videos", json={"model": "sandbox-video", "prompt": "a boat"})
        unknown = await other.post("/v1/videos", json={"model": "sandbox-video", "prompt": "a boat"})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "model_not_allowed")
    assert (unknown.status_code, error_of(unknown)["code"]) == (404, "model_not_found")


async def test_a_strict_key_turns_warnings_into_refusals(site: Site, admin: httpx.AsyncClient) -> None:
    key = await made(admin, strict=True)
    async with client_of(site.app, key["key"]) as client:
        answer = await client.post("/v1/videos", json={"model": "sandbox-video", "prompt": "a boat", "seconds": "99"})
    assert answer.status_code == 400


async def test_a_change_touches_only_what_it_names(admin: httpx.AsyncClient) -> None:
    key = await made(admin, groups=["a", "b"], models=["m"])
    key.pop("key")
    key.pop("webhook_secret")
    changed = (await admin.patch(f"/admin/keys/{key['id']}", json={"name": "ships", "models": None})).json()
    assert changed == {**key, "name": "ships", "models": None}


async def test_a_disabled_key_is_turned_away_until_it_is_enabled(site: Site, admin: httpx.AsyncClient) -> None:
    key = await made(admin)
    async with client_of(site.app, key["key"]) as client:
        await admin.patch(f"/admin/keys/{key['id']}", json={"enabled": False})
        assert (await client.get("/v1/models")).status_code == 401
        await admin.patch(f"/admin/keys/{key['id']}", json={"enabled": True})
        assert (await client.get("/v1/models")).status_code == 200


async def test_a_revoked_key_is_gone_at_once(site: Site, admin: httpx.AsyncClient) -> None:
    key = await made(admin)
    answer = await admin.delete(f"/admin/keys/{key['id']}")
    assert answer.json() == {"id": key["id"], "object": "key", "deleted": True}
    async with client_of(site.app, key["key"]) as client:
        assert (await client.get("/v1/models")).status_code == 401
    assert (await admin.get(f"/admin/keys/{key['id']}")).status_code == 404
    assert (await admin.delete(f"/admin/keys/{key['id']}")).status_code == 404


async def test_lists_turn_pages_by_next(admin: httpx.AsyncClient) -> None:
    ids = [(await made(admin, name=f"key {number}"))["id"] for number in range(3)]
    first = (await admin.get("/admin/keys", params={"limit": 2})).json()
    second = (await admin.get("/admin/keys", params={"limit": 2, "before": first["next"]})).json()
    assert [key["id"] for key in first["data"]] == [ids[2], ids[1]]
    assert second["data"][0]["id"] == ids[0]
    assert first["has_more"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"groups": []}, "groups"),
        ({"groups": "default"}, "groups"),
        ({"models": []}, "models"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": 1}, "expires_at"),
        ({"expires_at": 10**30}, "expires_at"),
        ({"strict": "perhaps"}, "strict"),
        ({"rpm": 0}, "rpm"),
        ({"rpm": True}, "rpm"),
        ({"rpm": "many"}, "rpm"),
        ({"rpm": 2**40}, "rpm"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"max_concurrency": 1.5}, "max_concurrency"),
        ({"budget_usd": "-1"}, "budget_usd"),
        ({"budget_usd": "0.0000001"}, "budget_usd"),
        ({"budget_usd": "1e400"}, "budget_usd"),
        ({"budget_usd": "NaN"}, "budget_usd"),
        ({"budget_usd": True}, "budget_usd"),
        ({"budget_period": "week"}, "budget_period"),
        ({"budget_period": None}, "budget_period"),
        ({"allow_unpriced": "perhaps"}, "allow_unpriced"),
        ({"store_prompts": None}, "store_prompts"),
        ({"allowed_ips": "10.0.0.0/8"}, "allowed_ips"),
        ({"allowed_ips": ["10.0.0.0/8", "example.com"]}, "allowed_ips.1"),
        ({"allowed_ips": ["10.0.0.7/8"]}, "allowed_ips.0"),
        ({"budget": 5}, "budget"),
        ({"hash": "0" * 64}, "hash"),
        ({"id": "key_mine"}, "id"),
    ],
)
async def test_what_cannot_be_is_a_400_naming_the_field(
    shared_admin: httpx.AsyncClient, fields: dict[str, Any], param: str
) -> None:
    answer = await shared_admin.post("/admin/keys", json={"name": "boats", **fields})
    assert answer.status_code == 400, answer.text
    assert error_of(answer)["param"] == param


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1000"}, {"limit": "many"}, {"before": "a\x00b"}, {"before": ""}])
async def test_a_bad_query_is_a_400(shared_admin: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await shared_admin.get("/admin/keys", params=query)
    assert (answer.status_code, error_of(answer)["param"]) == (400, next(iter(query)))


async def test_a_place_that_does_not_exist_gives_an_empty_page(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/admin/keys", params={"before": "key_none"})).json() == {"data": [], "has_more": False, "next": None}


async def test_times_are_unix_seconds(admin: httpx.AsyncClient) -> None:
    created = (await made(admin))["created_at"]
    assert abs(datetime.now(UTC).timestamp() - created) < 60


async def test_a_default_callback_address_is_checked_as_a_clients_is(admin: httpx.AsyncClient) -> None:
    key = await made(admin, callback_url="https://app.example.com/hook?a=1")
    assert key["callback_url"] == "https://app.example.com/hook?a=1"
    path = f"/admin/keys/{key['id']}"
    for address in ("http://app.example.com/hook", "https://10.0.0.1/", "https://localhost/", "ftp://app.example.com", "x", ""):
        for answer in (
            await admin.post("/admin/keys", json={"name": "boats", "callback_url": address}),
            await admin.patch(path, json={"callback_url": address}),
        ):
            assert answer.status_code == 400
            assert error_of(answer)["param"] == "callback_url"
    assert (await admin.get(path)).json()["callback_url"] == "https://app.example.com/hook?a=1"
    assert (await admin.patch(path, json={"callback_url": None})).json()["callback_url"] is None


async def test_whether_results_are_kept_is_said_until_null_leaves_it_to_others(site: Site, admin: httpx.AsyncClient) -> None:
    key = await made(admin, keep_results=False)
    path = f"/admin/keys/{key['id']}"
    assert key["keep_results"] is False
    assert (await admin.patch(path, json={"name": "ships"})).json()["keep_results"] is False
    assert (await admin.patch(path, json={"keep_results": True})).json()["keep_results"] is True
    held = site.gateway.configuration.key_by_id(key["id"])
    assert held is not None
    assert held.keep_results is True
    assert (await admin.patch(path, json={"keep_results": None})).json()["keep_results"] is None
    assert (await admin.get(path)).json()["keep_results"] is None


@pytest.mark.parametrize("value", ["perhaps", "", 2, [], {}])
async def test_whether_results_are_kept_is_yes_no_or_null(admin: httpx.AsyncClient, value: object) -> None:
    key = await made(admin)
    for answer in (
        await admin.post("/admin/keys", json={"name": "boats", "keep_results": value}),
        await admin.patch(f"/admin/keys/{key['id']}", json={"keep_results": value}),
    ):
        assert answer.status_code == 400
        assert error_of(answer)["param"] == "keep_results"

"""`/admin/groups`: names that keys and channels bear, and what each pays."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import VIDEO, Site, error_of
from tests.gateways import KEY

pytestmark = pytest.mark.anyio


async def groups(admin: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await admin.get("/admin/groups")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["has_more"], body["next"]) == (False, None)
    found: list[dict[str, Any]] = body["data"]
    return found


async def test_every_group_that_is_named_or_priced_is_listed(site: Site, admin: httpx.AsyncClient) -> None:
    await admin.post("/admin/keys", json={"name": "boats", "groups": ["studio", "default"]})
    await admin.put("/admin/groups/wholesale", json={"price_ratio": "0.8"})
    assert await groups(admin) == [
        {"name": "default", "price_ratio": 1, "keys": 3, "channels": 2},
        {"name": "studio", "price_ratio": 1, "keys": 1, "channels": 0},
        {"name": "wholesale", "price_ratio": 0.8, "keys": 0, "channels": 0},
    ]


async def test_a_deleted_channel_is_no_longer_counted(site: Site, admin: httpx.AsyncClient) -> None:
    await admin.delete("/admin/channels/channel_sandbox")
    assert [group["channels"] for group in await groups(admin)] == [1]


async def test_a_groups_ratio_counts_for_the_next_job(site: Site, admin: httpx.AsyncClient) -> None:
    prices = {"sandbox-video": {"unit": "second", "usd": "0.05"}}
    await admin.patch("/admin/channels/channel_sandbox", json={"prices": prices})
    changed = await admin.put("/admin/groups/default", json={"price_ratio": 2})
    assert changed.json() == {"name": "default", "price_ratio": 2, "keys": 2, "channels": 2}
    asked = {"path": "/v1/videos", "json": {**VIDEO, "model": "sandbox-video"}, "key_id": KEY.id}
    explained = (await admin.post("/admin/explain", json=asked)).json()
    assert explained["price"]["usd"] == "0.500000"


async def test_a_ratio_of_one_is_none(admin: httpx.AsyncClient) -> None:
    await admin.put("/admin/groups/wholesale", json={"price_ratio": 3})
    changed = await admin.put("/admin/groups/wholesale", json={"price_ratio": 1})
    assert changed.json() == {"name": "wholesale", "price_ratio": 1, "keys": 0, "channels": 0}
    assert [group["name"] for group in await groups(admin)] == ["default"]


async def test_a_change_is_in_the_audit_log_and_no_change_is_not(admin: httpx.AsyncClient) -> None:
    for ratio in ("1.5", "1.50", 1):
        await admin.put("/admin/groups/studio", json={"price_ratio": ratio})
    lines = (await admin.get("/admin/audit", params={"kind": "group"})).json()["data"]
    assert [(line["actor"], line["action"], line["subject"], line["changes"]) for line in lines] == [
        ("admin", "update", "studio", {"price_ratio": {"from": "1.5", "to": "1"}}),
        ("admin", "update", "studio", {"price_ratio": {"from": "1", "to": "1.5"}}),
    ]


async def test_a_name_may_hold_a_slash(admin: httpx.AsyncClient) -> None:
    for path in ("a/b", "c%2Fd"):
        assert (await admin.put(f"/admin/groups/{path}", json={"price_ratio": 2})).status_code == 200
    assert [group["name"] for group in await groups(admin)] == ["a/b", "c/d", "default"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "price_ratio"),
        ({"price_ratio": -1}, "price_ratio"),
        ({"price_ratio": "nan"}, "price_ratio"),
        ({"price_ratio": "1e30"}, "price_ratio"),
        ({"price_ratio": 1, "name": "x"}, "name"),
    ],
)
async def test_what_cannot_be_is_a_400_naming_the_field(admin: httpx.AsyncClient, body: dict[str, Any], param: str) -> None:
    answer = await admin.put("/admin/groups/studio", json=body)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


@pytest.mark.parametrize("name", ["%00", "%0A", "x" * 101, "%20"])
async def test_a_name_that_cannot_be_is_a_400(shared_admin: httpx.AsyncClient, name: str) -> None:
    answer = await shared_admin.put(f"/admin/groups/{name}", json={"price_ratio": 2})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "name")


async def test_only_the_admin_key_opens_groups(site: Site, admin: httpx.AsyncClient) -> None:
    assert (await site.client.get("/admin/groups")).status_code == 403
    assert (await site.client.put("/admin/groups/default", json={"price_ratio": 0})).status_code == 403

"""`/admin/audit`: who changed what, for operators alone."""

import json
from typing import Any

import httpx
import pytest

from app.store.keys import hash_key
from tests.api.conftest import Site, error_of

pytestmark = pytest.mark.anyio
SECRET = "Wq7credentialCanaryZk3"
CHANNEL = {
    "name": "second",
    "adapter": "openai",
    "base_url": "https://second.example.com",
    "credentials": [{"api_key": SECRET}],
}


async def lines(admin: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await admin.get(f"/admin/audit{query}")).json()["data"]
    return found


async def test_a_change_is_told_with_the_request_that_made_it(admin: httpx.AsyncClient) -> None:
    made = await admin.post("/admin/keys", json={"name": "boats"})
    changed = await admin.patch(f"/admin/keys/{made.json()['id']}", json={"strict": True})
    newest, first = await lines(admin, "?kind=key")
    assert (newest["actor"], newest["action"], newest["subject"], newest["name"]) == ("admin", "update", made.json()["id"], "boats")
    assert newest["changes"] == {"strict": {"from": False, "to": True}}
    assert [newest["request_id"], first["request_id"]] == [changed.headers["x-request-id"], made.headers["x-request-id"]]
    assert isinstance(newest["at"], int)


async def test_a_deleted_thing_is_still_told_of(admin: httpx.AsyncClient) -> None:
    made = (await admin.post("/admin/channels", json=CHANNEL)).json()
    await admin.delete(f"/admin/channels/{made['id']}")
    assert [line["action"] for line in await lines(admin, f"?subject={made['id']}")] == ["delete", "create"]


async def test_no_secret_is_in_the_log(site: Site, admin: httpx.AsyncClient) -> None:
    key = (await admin.post("/admin/keys", json={"name": "boats"})).json()
    channel = (await admin.post("/admin/channels", json=CHANNEL)).json()
    await admin.patch(f"/admin/channels/{channel['id']}", json={"credentials": [{"api_key": SECRET + "2"}]})
    told = json.dumps(await lines(admin))
    assert channel["id"] in told
    assert not any(secret in told for secret in (SECRET, key["key"], hash_key(key["key"])))


async def test_a_refused_change_leaves_no_line(admin: httpx.AsyncClient) -> None:
    before = await lines(admin)
    assert (await admin.post("/admin/channels", json={**CHANNEL, "adapter": "moon"})).status_code == 400
    assert (await admin.delete("/admin/keys/nobody")).status_code == 404
    assert await lines(admin) == before


async def test_the_list_turns_its_pages(admin: httpx.AsyncClient) -> None:
    for number in range(5):
        await admin.post("/admin/keys", json={"name": f"key {number}"})
    names: list[str] = []
    page: dict[str, Any] = {"has_more": True, "next": None}
    while page["has_more"]:
        turn = f"&before={page['next']}" if page["next"] else ""
        page = (await admin.get(f"/admin/audit?kind=key&action=create&limit=2{turn}")).json()
        assert set(page) == {"data", "has_more", "next"}
        names += [line["name"] for line in page["data"]]
    assert [name for name in names if name.startswith("key ")] == [f"key {number}" for number in (4, 3, 2, 1, 0)]


async def test_a_client_may_not_read_it(site: Site) -> None:
    refused = await site.client.get("/admin/audit")
    assert refused.status_code == 403
    error_of(refused)

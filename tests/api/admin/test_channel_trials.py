"""Tests of channels that are not stored: `POST /admin/channels/test`, and `/admin/channels/{id}/test` with a change."""

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import Site, error_of
from tests.gateways import answer as vendor_answer

pytestmark = pytest.mark.anyio
GOOD, BAD = "canary-0123456789-good", "canary-0123456789-evil"
BODY: dict[str, Any] = {
    "name": "boats",
    "adapter": "openai",
    "base_url": "https://vendor.example.com/v1",
    "credentials": [{"api_key": GOOD}],
}


def judge(request: httpx.Request) -> httpx.Response:
    """A vendor that takes one key, and repeats any other in its refusal."""
    shown = request.headers["authorization"].removeprefix("Bearer ")
    return vendor_answer({"data": []}) if shown == GOOD else vendor_answer({"error": {"message": f"Incorrect key: {shown}"}}, 401)


async def channels(admin: httpx.AsyncClient) -> Any:
    return (await admin.get("/admin/channels")).json()["data"]


async def audit(admin: httpx.AsyncClient) -> Any:
    return (await admin.get("/admin/audit")).json()["data"]


async def test_a_channel_is_tried_before_it_is_stored(site: Site, admin: httpx.AsyncClient) -> None:
    site.vendor.script = judge
    before = (await channels(admin), await audit(admin))
    answer = await admin.post("/admin/channels/test", json=BODY)
    assert answer.status_code == 200
    assert set(answer.json()) == {"ok", "latency_ms", "detail"}
    assert answer.json()["ok"] is True
    assert (await channels(admin), await audit(admin)) == before
    assert site.vendor.requests[-1].url.host == "vendor.example.com"


async def test_each_credential_is_tried_and_the_wrong_one_named_without_its_secret(site: Site, admin: httpx.AsyncClient) -> None:
    site.vendor.script = judge
    answer = await admin.post("/admin/channels/test", json={**BODY, "credentials": [{"api_key": f" {GOOD} "}, {"api_key": BAD}]})
    assert answer.json()["ok"] is False
    assert answer.json()["detail"].startswith("credential 2: Incorrect key")
    assert BAD not in answer.text


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"adapter": "nobody"}, "adapter"),
        ({"credentials": []}, "credentials"),
        ({"credentials": [{"colour": "red"}]}, "credentials.colour"),
        ({"credentials": [{"id": "cred_none"}]}, "credentials"),
        ({"base_url": "ftp://vendor.example.com"}, "base_url"),
        ({"models": {}}, "models"),
        ({"shape": "round"}, "shape"),
    ],
)
async def test_what_cannot_be_is_a_400_naming_the_field_and_asks_nobody(
    shared_site: Site, shared_admin: httpx.AsyncClient, changes: dict[str, Any], param: str
) -> None:
    answer = await shared_admin.post("/admin/channels/test", json={**BODY, **changes})
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)
    assert not shared_site.vendor.requests


async def test_two_service_accounts_are_not_judged_by_one_token(site: Site, admin: httpx.AsyncClient) -> None:
    accounts = [
        {"service_account": {"type": "service_account", "client_email": name}} for name in ("a@example.com", "b@example.com")
    ]
    answer = await admin.post("/admin/channels/test", json={"name": "v", "adapter": "vertex", "credentials": accounts})
    assert "credential 1:" in answer.json()["detail"]
    assert "credential 2:" in answer.json()["detail"]
    assert not site.gateway.submitter.desk.vendors._tokens


async def test_a_change_is_tried_without_being_made(site: Site, admin: httpx.AsyncClient) -> None:
    site.vendor.script = judge
    made = (await admin.post("/admin/channels", json=BODY)).json()
    before = await audit(admin)
    (held,) = made["credentials"]
    where = f"/admin/channels/{made['id']}/test"
    kept = await admin.post(where, json={"credentials": [held], "weight": 3})
    replaced = await admin.post(where, json={"credentials": [{"id": held["id"], "api_key": BAD}]})
    assert (kept.json()["ok"], replaced.json()["ok"]) == (True, False)
    assert (await admin.get(f"/admin/channels/{made['id']}")).json() == made
    assert await audit(admin) == before


async def test_a_change_without_content_is_the_test_of_the_channel(site: Site, admin: httpx.AsyncClient) -> None:
    made = (await admin.post("/admin/channels", json=BODY)).json()
    assert (await admin.post(f"/admin/channels/{made['id']}/test", json={})).json()["ok"] is True
    newest = (await audit(admin))[0]
    assert (newest["action"], newest["subject"]) == ("test", made["id"])


async def test_only_the_admin_key_tries_channels(site: Site) -> None:
    answer = await site.client.post("/admin/channels/test", content=json.dumps(BODY))
    assert answer.status_code == 403
    assert not site.vendor.requests


async def test_both_ways_are_documented(site: Site) -> None:
    paths = site.app.openapi()["paths"]
    for path in ("/admin/channels/test", "/admin/channels/{channel_id}/test"):
        assert paths[path]["post"]["description"]
        assert paths[path]["post"]["requestBody"]

"""`/admin/channels`: what operators can say, what is refused, and what is never shown."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.store import channels as channel_store
from tests.api.conftest import VIDEO, Site, error_of
from tests.gateways import answer as vendor_answer
from tests.gateways import ended

pytestmark = pytest.mark.anyio
SECRET = "canary-0123456789-wxyz"
BODY: dict[str, Any] = {
    "name": "boats",
    "adapter": "openai",
    "base_url": "https://vendor.example.com/v1",
    "credentials": [{"api_key": SECRET}],
    "models": {"boat-video": "up-video"},
}


async def made(admin: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin.post("/admin/channels", json={**BODY, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_new_channel_has_an_id_and_the_defaults_of_the_contract(admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    (credential,) = channel.pop("credentials")
    assert credential == {"id": credential["id"], "api_key": "can****wxyz"}
    assert channel.pop("id").startswith("ch_")
    assert isinstance(channel.pop("created_at"), int)
    assert channel == {
        "name": "boats",
        "adapter": "openai",
        "base_url": "https://vendor.example.com",
        "models": {"boat-video": "up-video"},
        "groups": ["default"],
        "priority": 0,
        "weight": 1,
        "max_concurrency": None,
        "keep_results": None,
        "price_ratio": 1,
        "prices": {},
        "overrides": {"set": {}, "drop": []},
        "settings": {},
        "enabled": True,
        "resting": [],
    }


async def test_a_new_channel_serves_at_once(site: Site, admin: httpx.AsyncClient) -> None:
    await made(admin)
    job = await site.created(model="boat-video")
    assert job["status"] == "queued"
    assert site.vendor.requests[-1].headers["authorization"] == f"Bearer {SECRET}"


async def test_models_are_an_object_a_list_or_everything(admin: httpx.AsyncClient) -> None:
    assert (await made(admin, models=["a", "b"]))["models"] == {"a": "a", "b": "b"}
    assert (await made(admin, name="second", models="*"))["models"] == "*"


async def test_a_limit_of_open_jobs_is_kept_until_null_takes_it_away(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin, max_concurrency=3)
    path = f"/admin/channels/{channel['id']}"
    assert (await admin.patch(path, json={"weight": 2})).json()["max_concurrency"] == 3
    held = site.gateway.configuration.channel(channel["id"])
    assert held is not None
    assert held.max_concurrency == 3
    assert (await admin.patch(path, json={"max_concurrency": None})).json()["max_concurrency"] is None


async def test_whether_results_are_kept_is_said_until_null_leaves_it_to_others(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin, keep_results=True)
    path = f"/admin/channels/{channel['id']}"
    assert channel["keep_results"] is True
    assert (await admin.patch(path, json={"weight": 2})).json()["keep_results"] is True
    assert (await admin.patch(path, json={"keep_results": False})).json()["keep_results"] is False
    held = site.gateway.configuration.channel(channel["id"])
    assert held is not None
    assert held.keep_results is False
    assert (await admin.patch(path, json={"keep_results": None})).json()["keep_results"] is None
    assert (await admin.get(path)).json()["keep_results"] is None


async def test_lists_turn_pages_by_next(admin: httpx.AsyncClient) -> None:
    names = ["sandbox", "vendor", *(f"extra-{number}" for number in range(3))]
    for name in names[2:]:
        await made(admin, name=name)
    first = (await admin.get("/admin/channels", params={"limit": 3})).json()
    second = (await admin.get("/admin/channels", params={"limit": 3, "before": first["next"]})).json()
    assert [channel["name"] for channel in first["data"]] == ["extra-2", "extra-1", "extra-0"]
    assert {channel["name"] for channel in second["data"]} == {"sandbox", "vendor"}
    assert (first["has_more"], second["has_more"], second["next"]) == (True, False, None)


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"adapter": "nobody"}, "invalid_value", "adapter"),
        ({"name": " "}, "invalid_value", "name"),
        ({"name": "a\x00b"}, "invalid_value", "name"),
        ({"name": "env-ark"}, "invalid_value", "name"),
        ({"name": "sandbox"}, "name_taken", "name"),
        ({"credentials": []}, "missing_required_parameter", "credentials"),
        ({"credentials": [{"api_key": "x" * 20, "colour": "red"}]}, "unknown_parameter", "credentials.colour"),
        ({"credentials": [{"api_key": ""}]}, "invalid_value", "credentials.api_key"),
        ({"credentials": [{"api_key": "two\nlines"}]}, "invalid_value", "credentials.api_key"),
        ({"credentials": [{"api_key": "can****wxyz"}]}, "invalid_value", "credentials.api_key"),
        ({"credentials": [{"api_key": 7}]}, "invalid_type", "credentials.api_key"),
        ({"credentials": [{"id": "cred_none", "api_key": "x"}]}, "invalid_value", "credentials"),
        ({"credentials": {"api_key": "x"}}, "invalid_value", "credentials"),
        ({"base_url": "ftp://vendor.example.com"}, "invalid_value", "base_url"),
        ({"base_url": "vendor.example.com"}, "invalid_value", "base_url"),
        ({"base_url": "https://me:canary@vendor.example.com"}, "invalid_value", "base_url"),
        ({"base_url": "https://vendor.example.com/?key=1"}, "invalid_value", "base_url"),
        ({"models": {}}, "invalid_value", "models"),
        ({"models": "everything"}, "invalid_value", "models"),
        ({"models": [1]}, "invalid_value", "models"),
        ({"groups": []}, "invalid_value", "groups"),
        ({"priority": 2**31}, "invalid_value", "priority"),
        ({"weight": -1}, "invalid_value", "weight"),
        ({"price_ratio": -1}, "invalid_value", "price_ratio"),
        ({"prices": {"boat-video": {"unit": "second", "usd": "many"}}}, "invalid_value", "prices.boat-video"),
        ({"prices": {"boat-video": {"usd": "1"}}}, "invalid_value", "prices.boat-video"),
        ({"overrides": {"add": {}}}, "unknown_parameter", "overrides.add"),
        ({"overrides": {"set": {"a": "\ud800"}}}, "invalid_value", "overrides"),
        ({"max_concurrency": 0}, "invalid_value", "max_concurrency"),
        ({"max_concurrency": "two"}, "invalid_value", "max_concurrency"),
        ({"keep_results": "perhaps"}, "invalid_value", "keep_results"),
        ({"keep_results": 2}, "invalid_value", "keep_results"),
        ({"enabled": "perhaps"}, "invalid_value", "enabled"),
    ],
)
async def test_what_cannot_be_is_a_400_naming_the_field(
    shared_site: Site, shared_admin: httpx.AsyncClient, changes: dict[str, Any], code: str, param: str
) -> None:
    # written here, because the client's own writer refuses broken Unicode
    text = json.dumps({**BODY, **changes})
    answer = await shared_admin.post("/admin/channels", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert (error_of(answer)["code"], error_of(answer)["param"]) == (code, param)
    assert "canary" not in answer.text
    assert len((await shared_admin.get("/admin/channels")).json()["data"]) == 2


@pytest.mark.parametrize("missing", ["name", "adapter"])
async def test_a_missing_field_is_named(shared_admin: httpx.AsyncClient, missing: str) -> None:
    answer = await shared_admin.post("/admin/channels", json={name: value for name, value in BODY.items() if name != missing})
    assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (400, "missing_required_parameter", missing)


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"null", b'"text"', b"\xff"])
async def test_a_body_that_is_no_object_is_a_400(shared_admin: httpx.AsyncClient, body: bytes) -> None:
    answer = await shared_admin.post("/admin/channels", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert error_of(answer)["type"] == "invalid_request_error"


async def test_a_change_touches_only_what_it_names(admin: httpx.AsyncClient) -> None:
    channel = await made(admin, priority=3, prices={"boat-video": {"unit": "job", "usd": "0.10"}})
    changed = (await admin.patch(f"/admin/channels/{channel['id']}", json={"weight": 7, "price_ratio": "0.5"})).json()
    assert changed == {**channel, "weight": 7, "price_ratio": 0.5}
    assert (await admin.get(f"/admin/channels/{channel['id']}")).json() == changed


async def test_an_override_reaches_the_vendor(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    await admin.patch(f"/admin/channels/{channel['id']}", json={"overrides": {"set": {"tier": "slow"}, "drop": ["seconds"]}})
    await site.created(model="boat-video")
    assert site.vendor.bodies[-1]["tier"] == "slow"
    assert "seconds" not in site.vendor.bodies[-1]


async def stored_keys(site: Site, channel_id: str) -> dict[str, Any]:
    async with site.gateway.database.read() as connection:
        channel = await channel_store.get(connection, site.gateway.vault, channel_id)
    assert channel is not None
    return {one.id: (one.fields["api_key"], one.retired) for one in channel.credentials}


async def test_what_a_get_showed_can_be_sent_back_without_losing_the_secret(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    (credential,) = channel["credentials"]
    answer = await admin.patch(f"/admin/channels/{channel['id']}", json={"credentials": [credential]})
    assert answer.json()["credentials"] == [credential]
    assert await stored_keys(site, channel["id"]) == {credential["id"]: (SECRET, False)}


async def test_credentials_are_replaced_by_id_added_without_and_removed_when_left_out(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin, credentials=[{"api_key": "first"}, {"api_key": "second"}])
    first, second = (credential["id"] for credential in channel["credentials"])
    wanted = [{"id": second, "api_key": "second-new"}, {"api_key": "third"}]
    changed = (await admin.patch(f"/admin/channels/{channel['id']}", json={"credentials": wanted})).json()
    kept, added = (credential["id"] for credential in changed["credentials"])
    assert (kept, added in (first, second)) == (second, False)
    assert await stored_keys(site, channel["id"]) == {second: ("second-new", False), added: ("third", False)}


async def test_a_removed_credential_stays_for_its_running_job_and_for_no_other(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    (old,) = (credential["id"] for credential in channel["credentials"])
    job = await site.created(model="boat-video")
    changed = (await admin.patch(f"/admin/channels/{channel['id']}", json={"credentials": [{"api_key": "fresh"}]})).json()
    assert [credential["api_key"] for credential in changed["credentials"]] == ["****"]
    assert (await stored_keys(site, channel["id"]))[old] == (SECRET, True)
    await site.created(model="boat-video")
    assert site.vendor.requests[-1].headers["authorization"] == "Bearer fresh"
    site.studio.status = "completed"
    await ended(site.gateway, job["id"])
    polls = [one for one in site.vendor.requests if one.method == "GET" and one.url.path.endswith("video_up_1")]
    assert polls
    assert {one.headers["authorization"] for one in polls} == {f"Bearer {SECRET}"}
    await admin.patch(f"/admin/channels/{channel['id']}", json={"credentials": changed["credentials"]})
    assert set(await stored_keys(site, channel["id"])) == {changed["credentials"][0]["id"]}


async def test_deleting_a_channel_lets_its_running_job_finish(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    job = await site.created(model="boat-video")
    answer = await admin.delete(f"/admin/channels/{channel['id']}")
    assert answer.json() == {"id": channel["id"], "object": "channel", "deleted": True}
    await site.created(model="boat-video")  # another channel takes any name
    assert site.vendor.requests[-1].headers["authorization"] != f"Bearer {SECRET}"
    site.studio.status = "completed"
    assert (await ended(site.gateway, job["id"])).status == "completed"
    assert (await admin.get(f"/admin/channels/{channel['id']}")).status_code == 404
    assert channel["id"] not in [one["id"] for one in (await admin.get("/admin/channels")).json()["data"]]


async def test_the_name_of_a_deleted_channel_is_free_again(admin: httpx.AsyncClient) -> None:
    await admin.delete(f"/admin/channels/{(await made(admin))['id']}")
    assert (await made(admin))["name"] == "boats"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("channel_id", ["ch_none", "%00", "a%2Fb", "a'b"])
async def test_an_unknown_channel_is_a_404(shared_admin: httpx.AsyncClient, method: str, channel_id: str) -> None:
    answer = await shared_admin.request(method, f"/admin/channels/{channel_id}", json={} if method == "PATCH" else None)
    assert answer.status_code == 404
    assert (await shared_admin.post(f"/admin/channels/{channel_id}/test")).status_code == 404


async def test_testing_a_channel_makes_the_cheapest_call(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    verdict = (await admin.post(f"/admin/channels/{channel['id']}/test")).json()
    assert set(verdict) == {"ok", "latency_ms", "detail"}
    assert verdict["ok"] is True
    assert site.vendor.requests[-1].method == "GET"
    assert site.vendor.requests[-1].headers["authorization"] == f"Bearer {SECRET}"


async def test_a_test_that_fails_says_why_and_hides_the_credential(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    site.vendor.script = lambda request: vendor_answer({"error": {"message": f"Incorrect API key provided: {SECRET}"}}, 401)
    answer = await admin.post(f"/admin/channels/{channel['id']}/test")
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert channel["credentials"][0]["id"] in answer.json()["detail"]
    assert SECRET not in answer.text


async def test_a_vendor_that_cannot_be_reached_is_a_failed_test(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    site.vendor.script = lambda request: httpx.ConnectError("no route")
    verdict = (await admin.post(f"/admin/channels/{channel['id']}/test")).json()
    assert verdict["ok"] is False
    assert "could not be reached" in verdict["detail"]


async def test_no_answer_of_the_admin_api_holds_a_credential(site: Site, admin: httpx.AsyncClient) -> None:
    channel = await made(admin)
    where = f"/admin/channels/{channel['id']}"
    job = await site.created(model="boat-video")
    answers = [
        await admin.get("/admin/channels"),
        await admin.get(where),
        await admin.patch(where, json={"weight": 2}),
        await admin.patch(
            where, json={"credentials": [{"id": channel["credentials"][0]["id"], "api_key": SECRET}, {"api_key": [SECRET]}]}
        ),
        await admin.post("/admin/channels", json={**BODY, "credentials": [{"api_key": SECRET, SECRET: SECRET}], "name": "x"}),
        await admin.post("/admin/channels", json={**BODY, "credentials": SECRET}),
        await admin.get("/admin/jobs"),
        await admin.get(f"/admin/jobs/{job['id']}"),
        await admin.post("/admin/explain", json={"path": "/v1/videos", "json": {**VIDEO, "model": "boat-video"}}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400, 400, 400, 200, 200, 200]
    for answer in (answers[0], answers[1], answers[2], answers[6], answers[7], answers[8]):
        assert SECRET not in answer.text
        assert "canary-secret" not in answer.text
    assert SECRET not in answers[3].text
    assert SECRET not in answers[5].text


async def test_a_change_of_an_environment_channel_cannot_rename_it(site: Site, admin: httpx.AsyncClient) -> None:
    async with site.gateway.database.write() as connection:
        held = (await channel_store.every(connection, site.gateway.vault))[0]
        await channel_store.insert_one(connection, site.gateway.vault, replace(held, id="ch_env", name="env-openai"))
    answer = await admin.patch("/admin/channels/ch_env", json={"name": "mine"})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "name")
    assert (await admin.patch("/admin/channels/ch_env", json={"priority": 5})).json()["priority"] == 5

"""`POST /admin/explain`: what would be sent, and nothing is."""

import base64
from typing import Any

import httpx
import pytest

from tests.api.conftest import VIDEO, Site, error_of
from tests.api.test_videos import filled
from tests.api.vendor import PIXEL
from tests.gateways import CHANNEL, KEY, stored

pytestmark = pytest.mark.anyio
_FILE = {"filename": "boat.png", "content_type": "image/png", "base64": base64.b64encode(PIXEL).decode()}


async def explained(admin: httpx.AsyncClient, path: str = "/v1/videos", **fields: Any) -> dict[str, Any]:
    answer = await admin.post("/admin/explain", json={"path": path, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_json_request_shows_route_call_and_price(site: Site, admin: httpx.AsyncClient) -> None:
    found = await explained(admin, json=VIDEO)
    assert set(found) == {"request", "fitted", "warnings", "route", "call", "price"}
    assert (found["request"]["prompt"], found["request"]["duration"]) == (VIDEO["prompt"], 5)
    assert found["call"]["method"] == "POST"
    assert found["call"]["url"].startswith(f"{CHANNEL.base_url}/v1/videos")
    assert found["route"][0] == {"channel": CHANNEL.name, "eligible": True, "reason": "first choice"}
    assert set(found["price"]) == {"usd", "unit", "unpriced"}


async def test_the_route_stands_in_a_header_too(site: Site, admin: httpx.AsyncClient) -> None:
    spare = {
        "name": "réserve",
        "adapter": "openai",
        "base_url": "https://spare.example.com",
        "credentials": [{"api_key": "spare-key"}],
    }
    made = (await admin.post("/admin/channels", json={**spare, "priority": -1})).json()
    await admin.post("/admin/channels", json={**spare, "name": "off", "enabled": False})
    for channel, first, second in (
        (None, "chosen", "fallback"),
        ("réserve", "fallback", "chosen"),
        (made["id"], "fallback", "chosen"),
    ):
        answer = await admin.post("/admin/explain", json={"path": "/v1/videos", "json": VIDEO, "channel": channel})
        written = answer.headers["x-filmgate-route"]
        assert written == f"{CHANNEL.name}={first}; r%C3%A9serve={second}; off=skipped (disabled)"


async def test_nothing_is_sent_and_nothing_is_stored(site: Site, admin: httpx.AsyncClient) -> None:
    await explained(admin, json={**VIDEO, "image": "https://pictures.example.com/boat.png"})
    assert site.vendor.requests == []
    assert await stored(site.gateway) == []


async def test_the_call_never_holds_the_credential(site: Site, admin: httpx.AsyncClient) -> None:
    found = await explained(admin, json=VIDEO)
    assert "canary-secret" not in str(found)
    assert any(name.lower() == "authorization" for name in found["call"]["headers"])


async def test_a_form_with_a_file_is_read_like_a_clients(site: Site, admin: httpx.AsyncClient) -> None:
    form = [[name, value] for name, value in VIDEO.items()]
    found = await explained(admin, form=[*form, ["input_reference", _FILE]])
    (medium,) = found["request"]["media"]
    assert (medium["role"], medium["src"]) == ("first_frame", "upload:input_reference#0:boat.png")
    assert _FILE["base64"] not in str(found)


async def test_the_same_refusal_as_the_client_gets(site: Site, admin: httpx.AsyncClient) -> None:
    for body in ({**VIDEO, "seconds": True}, {"prompt": "x"}, {**VIDEO, "metadata": 7}, {**VIDEO, "model": ""}):
        told = error_of(await admin.post("/admin/explain", json={"path": "/v1/videos", "json": body, "key_id": KEY.id}))
        heard = error_of(await site.client.post("/v1/videos", json=body))
        assert {**told, "request_id": ""} == {**heard, "request_id": ""}


async def test_a_key_that_may_not_use_the_model_gets_the_403_of_its_client(site: Site, admin: httpx.AsyncClient) -> None:
    key = (await admin.post("/admin/keys", json={"name": "narrow", "models": ["sandbox-image"]})).json()
    answer = await admin.post("/admin/explain", json={"path": "/v1/videos", "json": VIDEO, "key_id": key["id"]})
    assert (answer.status_code, error_of(answer)["code"]) == (403, "model_not_allowed")


async def test_an_empty_budget_gets_the_403_of_its_client(site: Site, admin: httpx.AsyncClient) -> None:
    prices = {VIDEO["model"]: {"unit": "job", "usd": "0.25"}}
    assert (await admin.patch(f"/admin/channels/{CHANNEL.id}", json={"prices": prices})).status_code == 200
    assert (await admin.patch(f"/admin/keys/{KEY.id}", json={"budget_usd": "0.249999"})).status_code == 200
    answer = await admin.post("/admin/explain", json={"path": "/v1/videos", "json": VIDEO, "key_id": KEY.id})
    assert (answer.status_code, error_of(answer)["code"]) == (403, "insufficient_quota")
    asked = await site.client.post("/v1/videos", json=VIDEO)
    assert (asked.status_code, error_of(asked)["message"]) == (403, error_of(answer)["message"])


async def test_a_group_without_channels_gets_the_404_of_its_client(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(
        "/admin/explain", json={"path": "/v1/videos", "json": {**VIDEO, "model": "sandbox-video"}, "group": "nobody"}
    )
    assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")


async def test_a_channel_can_be_chosen_by_name_or_id(site: Site, admin: httpx.AsyncClient) -> None:
    body = {
        "name": "spare",
        "adapter": "openai",
        "base_url": "https://spare.example.com",
        "credentials": [{"api_key": "spare-key"}],
    }
    spare = (await admin.post("/admin/channels", json={**body, "priority": -1})).json()
    for named in (spare["id"], "spare"):
        assert (await explained(admin, json=VIDEO, channel=named))["call"]["url"].startswith("https://spare.example.com")
    assert (await explained(admin, json=VIDEO))["call"]["url"].startswith(CHANNEL.base_url)
    answer = await admin.post("/admin/explain", json={"path": "/v1/videos", "json": VIDEO, "channel": "sandbox"})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "channel")


async def test_the_sandbox_is_free_and_priced(admin: httpx.AsyncClient) -> None:
    found = await explained(admin, json={**VIDEO, "model": "sandbox-video"})
    assert found["price"] == {"usd": "0.000000", "unit": "second", "unpriced": False}


async def test_a_channels_own_price_is_used(site: Site, admin: httpx.AsyncClient) -> None:
    prices = {"sandbox-video": {"unit": "second", "usd": {"720p": "0.05", "*": "1"}}}
    where = (await admin.get("/admin/channels")).json()["data"]
    sandbox = next(channel["id"] for channel in where if channel["name"] == "sandbox")
    await admin.patch(f"/admin/channels/{sandbox}", json={"prices": prices, "price_ratio": 2})
    found = await explained(admin, json={**VIDEO, "model": "sandbox-video"})
    assert found["price"] == {"usd": "0.500000", "unit": "second", "unpriced": False}


async def test_what_is_adjusted_stands_in_the_warnings(admin: httpx.AsyncClient) -> None:
    found = await explained(admin, json={**VIDEO, "model": "sandbox-video", "seconds": "99"})
    assert {"code": "adjusted:duration", "field": "duration", "from": 99, "to": 30} in found["warnings"]
    assert (found["request"]["duration"], found["fitted"]["duration"]) == (99, 30)


async def test_a_remix_takes_the_model_of_its_source(site: Site, admin: httpx.AsyncClient) -> None:
    source = await site.finished()
    found = await explained(admin, f"/v1/videos/{source['id']}/remix", json={"prompt": "at night"}, key_id=KEY.id)
    assert (found["request"]["model"], found["request"]["mode"]) == (VIDEO["model"], "remix")


@pytest.mark.parametrize("model", [{}, {"model": "sandbox-video"}])
@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("/v1/videos/edits", {"video": {"id": "{id}"}}),
        ("/v1/videos/extensions", {"video_id": "{id}"}),
        ("/v1/videos/{id}/remix", {}),
    ],
)
@pytest.mark.parametrize("known", [True, False])
async def test_a_source_is_refused_as_its_client_would_hear(
    site: Site, admin: httpx.AsyncClient, path: str, source: dict[str, Any], model: dict[str, str], known: bool
) -> None:
    job_id = (await site.created())["id"] if known else "task_none"
    path, body = path.format(id=job_id), {"prompt": "at night", **model, **filled(source, job_id)}
    heard = await site.client.post(path, json=body)
    told = await admin.post("/admin/explain", json={"path": path, "json": body, "key_id": KEY.id})
    assert (told.status_code, told.json()["error"]) == (heard.status_code, heard.json()["error"])
    assert heard.status_code == (400 if known else 404)


async def test_another_keys_source_does_not_exist(site: Site, admin: httpx.AsyncClient) -> None:
    source = (await site.stranger.post("/v1/videos", json=VIDEO)).json()
    path = f"/v1/videos/{source['id']}/remix"
    answer = await admin.post("/admin/explain", json={"path": path, "json": {"prompt": "x"}, "key_id": KEY.id})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "task_not_exist")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"path": "/v1/chat/completions", "json": VIDEO}, "path"),
        ({"path": "/v1/videos", "json": VIDEO, "key_id": "key_none"}, "key_id"),
        ({"path": "/v1/videos", "json": VIDEO, "colour": "red"}, "colour"),
        ({"path": "/v1/videos"}, None),
        ({"path": "/v1/videos", "json": VIDEO, "form": []}, None),
        ({"json": VIDEO}, "path"),
        ({"path": "/v1/videos", "form": [["image", {"filename": "a.png", "base64": "no!"}]]}, "form"),
    ],
)
async def test_what_cannot_be_explained_is_a_400(shared_admin: httpx.AsyncClient, body: dict[str, Any], param: str | None) -> None:
    answer = await shared_admin.post("/admin/explain", json=body)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)

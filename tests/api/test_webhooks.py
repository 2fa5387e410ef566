"""A client is told of its job's end as its own GET would show it, signed with a secret that only it has seen."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from tests.api.conftest import IMAGE, VIDEO, Site, client_of, error_of, site_on
from tests.engine.test_formats import ARK, jpeg, makes
from tests.engine.test_webhooks import Receiver
from tests.gateways import ended
from tests.servers import serve

pytestmark = pytest.mark.anyio


async def secret_of(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/webhook-secret")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["webhook_secret"])


@asynccontextmanager
async def told_site(folder: Path, **site_values: Any) -> AsyncIterator[tuple[Site, Receiver, str]]:
    """The application, with a receiver on this machine that it may tell."""
    receiver = Receiver()
    async with serve(receiver) as url, site_on(folder, allow_hosts="127.0.0.1", **site_values) as site:
        yield site, receiver, f"{url}/hook"


async def event(receiver: Receiver, count: int = 1) -> tuple[dict[str, str], bytes]:
    """The event that arrived as this one."""
    await receiver.arrived(count)
    _, headers, body = receiver.seen[count - 1]
    return headers, body


async def test_a_secret_is_shown_once_and_the_next_one_keeps_it_for_a_day(site: Site) -> None:
    first = (await site.client.post("/v1/webhook-secret")).json()
    second = (await site.client.post("/v1/webhook-secret")).json()
    assert set(first) == {"object", "key_id", "webhook_secret", "previous_valid_until"}
    assert (first["object"], first["key_id"], first["previous_valid_until"]) == ("webhook_secret", "key_1", None)
    assert re.fullmatch(r"whsec_[A-Za-z0-9]{44}", first["webhook_secret"])
    assert first["webhook_secret"] != second["webhook_secret"]
    assert 86_390 <= second["previous_valid_until"] - site.gateway.now().timestamp() <= 86_400


async def test_a_secret_is_only_for_its_key(site: Site) -> None:
    assert await secret_of(site.client) != await secret_of(site.stranger)
    async with client_of(site.app) as nobody:
        answer = await nobody.post("/v1/webhook-secret")
    assert (answer.status_code, error_of(answer)["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize(("status", "kind"), [("completed", "video.completed"), ("failed", "video.failed")])
async def test_a_film_is_told_as_its_get_shows_it(tmp_path: Path, status: str, kind: str) -> None:
    async with told_site(tmp_path) as (site, receiver, url):
        secret = await secret_of(site.client)
        shown = await site.finished(status, callback_url=url)
        shown.pop("request_id", None)  # of that request
        headers, body = await event(receiver)
        told = Verifier(secret).verify(body, headers)
        assert {**told, "data": None} == {"type": kind, "created_at": told["created_at"], "data": None}
        assert abs(told["created_at"] - shown["completed_at"]) <= 1
        # a copy may have been made meanwhile
        moving = {"updated_at", "expires_at", "url", "video_url", "result_url", "thumbnail_url", "metadata"}
        assert {name: told["data"][name] for name in shown if name not in moving} == {
            name: value for name, value in shown.items() if name not in moving
        }
        assert bool(told["data"]["url"]) == (status == "completed")
        async with client_of(site.app) as nobody:
            if status == "completed":
                assert told["data"]["url"].startswith("http://gate.example.com/files/")
                assert (await nobody.get(told["data"]["url"])).status_code == 200


async def test_pictures_are_told_as_links(tmp_path: Path) -> None:
    async with told_site(tmp_path) as (site, receiver, url):
        secret = await secret_of(site.client)
        answer = await site.client.post("/v1/images/generations", json={**IMAGE, "callback_url": url})
        assert answer.status_code == 200, answer.text
        headers, body = await event(receiver)
        told = Verifier(secret).verify(body, headers)
        assert (told["type"], told["data"]["id"], told["data"]["object"]) == ("image.completed", answer.json()["id"], "image.job")
        ((link,),) = [list(picture.values()) for picture in told["data"]["data"]]
        async with client_of(site.app) as nobody:
            assert (await nobody.get(link)).status_code == 200


async def test_pictures_are_told_in_the_format_that_was_asked_for(tmp_path: Path) -> None:
    vendor: dict[str, Any] = {"script": makes(jpeg()), "channels": (ARK,)}
    async with told_site(tmp_path, **vendor) as (site, receiver, url):
        await secret_of(site.client)
        body = {"model": "m", "prompt": "a", "background": True, "output_format": "webp", "callback_url": url}
        assert (await site.client.post("/v1/images/generations", json=body)).status_code == 202
        _, told = await event(receiver)
        shown = json.loads(told)["data"]
        assert shown["output_format"] == "webp"
        answer = await site.client.get(shown["data"][0]["url"])
        assert (answer.headers["content-type"], answer.content[8:12]) == ("image/webp", b"WEBP")


async def test_after_a_change_of_secret_both_verify_and_a_strangers_does_not(tmp_path: Path) -> None:
    async with told_site(tmp_path) as (site, receiver, url):
        secrets = [await secret_of(site.client) for _ in range(2)]
        await site.finished(callback_url=url)
        headers, body = await event(receiver)
        for secret in secrets:
            assert Verifier(secret).verify(body, headers)["type"] == "video.completed"
        with pytest.raises(WebhookVerificationError):
            Verifier(await secret_of(site.stranger)).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(secrets[0]).verify(body + b" ", headers)


async def test_a_job_without_an_address_tells_nobody(tmp_path: Path) -> None:
    async with told_site(tmp_path) as (site, receiver, url):
        await secret_of(site.client)
        await site.finished()
        await site.finished(callback_url=url)
        headers, _ = await event(receiver)
        assert receiver.ids == [headers["webhook-id"]]


@pytest.mark.parametrize("field", ["callback_url", "webhook_url", "notify_url"])
@pytest.mark.parametrize(
    "address", ["http://app.example.com/", "https://10.0.0.1/", "https://localhost/hook", "ftp://app.example.com"]
)
async def test_an_address_that_may_not_be_told_is_refused_before_anything_starts(
    shared_site: Site, field: str, address: str
) -> None:
    answers: list[Any] = [
        await shared_site.client.post("/v1/videos", json={**VIDEO, field: address}),
        await shared_site.client.post("/v1/images/generations", json={**IMAGE, field: address}),
    ]
    assert [(answer.status_code, error_of(answer)["param"]) for answer in answers] == [(400, field)] * 2
    assert shared_site.vendor.requests == []


async def test_an_event_waits_for_the_commit_and_not_for_the_receiver(tmp_path: Path) -> None:
    async with told_site(tmp_path) as (site, receiver, url):
        await secret_of(site.client)
        receiver.gate = asyncio.Event()
        job = await site.created(callback_url=url)
        site.studio.status = "completed"
        await ended(site.gateway, job["id"])
        _, body = await event(receiver)
        assert (await site.client.get(f"/v1/videos/{job['id']}")).json()["status"] == "completed"
        assert json.loads(body)["data"]["status"] == "completed"
        receiver.gate.set()

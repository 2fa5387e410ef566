"""The whole application over a scripted vendor, on SQLite."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.domain.channels import Channel, Key
from app.engine.gateway import Gateway
from app.main import create_app
from app.settings import Settings
from app.store import channels as channel_store
from app.store import keys as key_store
from app.store.keys import hash_key
from app.wiring import Outside
from tests.api.vendor import Studio
from tests.databases import migrated_in
from tests.gateways import CHANNEL, KEY, KEY_TEXT, Script, Vendor, ended

STRANGER_TEXT = "sk-test-2"
STRANGER = replace(KEY, id="key_2", name="stranger", hash=hash_key(STRANGER_TEXT))
SANDBOX = Channel(id="channel_sandbox", name="sandbox", adapter="sandbox", base_url="sandbox://local", priority=1)
VIDEO = {"model": "some-video-model", "prompt": "a paper boat", "seconds": "5", "size": "1280x720"}
IMAGE = {"model": "gpt-image-1.5", "prompt": "a paper boat"}


@dataclass
class Site:
    """The application, what is behind it, and a client that shows a key."""

    app: FastAPI
    gateway: Gateway
    studio: Studio
    vendor: Vendor
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient

    async def created(self, **fields: Any) -> dict[str, Any]:
        """A video job, as the answer to its create shows it."""
        answer = await self.client.post("/v1/videos", json={**VIDEO, **fields})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def finished(self, status: str = "completed", **fields: Any) -> dict[str, Any]:
        """A video job that its vendor has ended."""
        self.studio.status, self.studio.progress = "queued", 0
        job = await self.created(**fields)
        self.studio.status = status
        await ended(self.gateway, job["id"])
        found: dict[str, Any] = (await self.client.get(f"/v1/videos/{job['id']}")).json()
        return found


@asynccontextmanager
async def site_on(
    folder: Path,
    script: Script | None = None,
    *,
    channels: Sequence[Channel] = (CHANNEL, SANDBOX),
    keys: Sequence[Key] = (KEY, STRANGER),
    **settings: Any,
) -> AsyncIterator[Site]:
    """The application, started."""
    studio = Studio()
    vendor = Vendor(script or studio)
    chosen = {"keep_results": False, **settings}
    migrated_in(folder)
    app = create_app(Settings(data_dir=folder, secret_key="tests", _env_file=None, **chosen), Outside(upstream=vendor))
    async with app.router.lifespan_context(app):
        gateway: Gateway = app.state.gateway
        async with gateway.database.write() as connection:
            for channel in channels:
                await channel_store.insert_one(connection, gateway.vault, channel)
            for key in keys:
                await key_store.insert_one(connection, key)
        await gateway.configuration.refresh()
        async with client_of(app, KEY_TEXT) as client, client_of(app, STRANGER_TEXT) as stranger:
            yield Site(app, gateway, studio, vendor, client, stranger)


async def one_too_many(site: Site, path: str, body: object) -> httpx.Response:
    """The refusal of a key that may send one request a minute and has sent it.

    One more may pass just after a minute has begun: the counter takes a share of the last one's requests, rounded down.
    """
    return [await site.client.post(path, json=body) for _ in range(2)][-1]


def client_of(app: FastAPI, key: str = "", **headers: str) -> httpx.AsyncClient:
    """A client that shows this key."""
    shown = {"authorization": f"Bearer {key}", **headers} if key else headers
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gate.example.com", headers=shown)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The application over the scripted vendor and the sandbox."""
    async with site_on(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
async def _module_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with site_on(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def shared_site(_module_site: Site) -> Site:
    """One application for all tests of a module that leave nothing behind; its vendor forgets what it was asked before."""
    _module_site.vendor.requests.clear()
    _module_site.vendor.bodies.clear()
    return _module_site


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The body of an error answer, whose two forms must agree."""
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"] == {name: body[name] for name in body["error"]}
    assert body["data"] is None
    assert body["request_id"] == answer.headers["x-request-id"]
    assert set(body) - {"id", "task_id"} == {"error", "message", "type", "param", "code", "data", "request_id"}
    return body

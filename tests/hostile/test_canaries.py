"""Canaries: secrets of unmistakable shape, a vendor that repeats whatever it is shown, and a look at everything that comes out."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app import logs
from app.domain.channels import Credential
from app.engine.gateway import Gateway
from app.main import create_app
from app.settings import Settings
from app.store import channels as channel_store
from app.store import keys as key_store
from app.store.keys import hash_key
from app.wiring import Outside
from tests.api.conftest import client_of
from tests.api.vendor import CLIP
from tests.gateways import CHANNEL, KEY, Vendor, ended
from tests.hostile.conftest import admin_key

pytestmark = pytest.mark.anyio

CREDENTIAL = "Wq7credentialCanaryZk3"
CLIENT_KEY = "sk-Xr5clientCanaryJv8"
ADMIN_KEY = "fg-admin-Pt2adminCanaryLm6"
SECRET_KEY = "Hd9secretCanaryBn4"
CANARIES = (CREDENTIAL, CLIENT_KEY, ADMIN_KEY, SECRET_KEY)


@dataclass(slots=True)
class Parrot:
    """A vendor that puts the credential which it was shown into everything that it says."""

    prompts: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response | Exception:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.method == "GET":
            return self._status(request, shown)
        prompt = str(json.loads(request.content).get("prompt")) if request.content[:1] == b"{" else "form"
        self.prompts.append(prompt)
        said = {"message": f"The key {shown} may not: {prompt}", "code": f"no_{shown}", "param": shown, "type": shown}
        headers = {"x-request-id": f"req-{shown}", "set-cookie": f"session={shown}"}
        match prompt:
            case "unreachable":
                return httpx.ConnectError("no way", request=request)
            case "broken off":
                return httpx.ReadError("too long", request=request)
            case "a page":
                return httpx.Response(200, html=f"<p>Welcome, {shown}</p>", headers=headers)
            case "400" | "401" | "403" | "429" | "500":
                return httpx.Response(int(prompt), json={"error": said}, headers=headers)
            case "a stream":
                return httpx.Response(
                    200, content=_event({"type": "error", "error": said}), headers={"content-type": "text/event-stream"}
                )
        if "/images/" in request.url.path:
            return httpx.Response(200, json={"created": 1, "data": [{"url": f"https://cdn.example.com/a.png?token={shown}"}]})
        video = {"id": f"video_{len(self.prompts)}", "status": "queued", "note": shown}
        return httpx.Response(200, json=video, headers=headers)

    def _status(self, request: httpx.Request, shown: str) -> httpx.Response:
        if request.url.path.endswith("/content"):
            return httpx.Response(200, content=CLIP, headers={"content-type": "video/mp4", "x-key": shown, "etag": shown})
        identifier = request.url.path.rpartition("/")[2]
        prompt = self.prompts[int(identifier.removeprefix("video_")) - 1] if identifier.startswith("video_") else ""
        if prompt == "poll trouble":
            self.prompts = ["fails" if known == prompt else known for known in self.prompts]
            return httpx.Response(500, json={"error": {"message": f"Who is {shown}?", "code": shown}})
        if prompt == "odd status":
            self.prompts = ["fails" if known == prompt else known for known in self.prompts]
            return httpx.Response(200, json={"id": identifier, "status": f"waiting for {shown}"})
        if prompt == "fails":
            error = {"message": f"The key {shown} is out of luck", "code": f"luck_{shown}"}
            return httpx.Response(200, json={"id": identifier, "status": "failed", "error": error})
        return httpx.Response(200, json={"id": identifier, "status": "completed", "data": [], "note": shown})


async def test_no_secret_in_logs_errors_traces_or_db_dump(tmp_path: Path) -> None:
    answers: list[httpx.Response] = []
    with _debug_log() as log:
        async with _application(tmp_path) as app:
            gateway: Gateway = app.state.gateway
            async with client_of(app, CLIENT_KEY) as client, client_of(app, ADMIN_KEY) as admin:
                answers += [await _create(client, prompt) for prompt in _PROMPTS]
                jobs = [answer.json()["id"] for answer in answers if answer.is_success]
                for job_id in jobs:
                    await ended(gateway, job_id)
                answers += [await client.get(path) for job_id in jobs for path in _reads(job_id)]
                answers += [
                    await client.post("/v1/images/generations", json={"model": "m", "prompt": prompt, "stream": stream})
                    for prompt in ("fine", "400", "a page", "a stream")
                    for stream in (False, True)
                ]
                answers += await _operate(admin)
                answers += [await client.get("/v1/models"), await client.post("/v1/videos", content=CLIENT_KEY.encode())]
            async with client_of(app, ADMIN_KEY + "x") as stranger:
                answers += [await stranger.get("/v1/videos"), await stranger.get("/admin/keys")]
            kept = _files(tmp_path)
        kept |= {f"{name}, after the end": data for name, data in _files(tmp_path).items()}
    told = {
        f"{answer.request.method} {answer.request.url.path} {answer.status_code} #{n}": _whole(answer)
        for n, answer in enumerate(answers)
    }
    assert {answer.status_code for answer in answers} >= {200, 201, 400, 401, 429, 502}
    assert any(name.endswith("-wal") for name in kept)
    assert len(log.getvalue().splitlines()) > 100
    places = {**told, **kept, "the log": log.getvalue().encode()}
    found = [
        f"{place}: {_around(data, canary)!r}" for place, data in places.items() for canary in CANARIES if canary.encode() in data
    ]
    assert found == [], "\n".join(found)


_PROMPTS = ("fine", "fails", "poll trouble", "odd status", "400", "401", "403", "429", "500", "a page", "broken off", "unreachable")


def _reads(job_id: str) -> tuple[str, ...]:
    return f"/v1/videos/{job_id}", f"/v1/video/generations/{job_id}", f"/v1/videos/{job_id}/content", "/v1/videos"


async def _create(client: httpx.AsyncClient, prompt: str) -> httpx.Response:
    return await client.post("/v1/videos", json={"model": "m", "prompt": prompt, "api_key": "mine"})


async def _operate(admin: httpx.AsyncClient) -> list[httpx.Response]:
    """Everything that an operator can look at, and a few things that fail."""
    jobs = (await admin.get("/admin/jobs?limit=100")).json()["data"]
    fields = {
        "name": "second",
        "adapter": "openai",
        "base_url": "https://second.example.com",
        "credentials": [{"api_key": CREDENTIAL}],
    }
    return [
        await admin.get("/admin/channels"),
        await admin.get("/admin/keys"),
        await admin.get("/admin/jobs?limit=100"),
        *[await admin.get(f"/admin/jobs/{job['id']}") for job in jobs],
        await admin.post(f"/admin/channels/{CHANNEL.id}/test"),
        await admin.post("/admin/channels", json={**fields, "priority": -9}),
        await admin.post("/admin/channels", json={**fields, "credentials": [{"wrong": CREDENTIAL}]}),
        await admin.post("/admin/channels", json={**fields, "credentials": CREDENTIAL}),
        await admin.post("/admin/channels", json={**fields, "credentials": [{"api_key": [CREDENTIAL]}]}),
        await admin.patch(f"/admin/channels/{CHANNEL.id}", json={"credentials": [{"api_key": f"{CREDENTIAL} {CREDENTIAL}\n"}]}),
        await admin.post("/admin/explain", json={"path": "/v1/videos", "json": {"model": "m", "prompt": "p"}}),
    ]


@asynccontextmanager
async def _application(folder: Path) -> AsyncIterator[FastAPI]:
    app = create_app(
        Settings(data_dir=folder, secret_key=SECRET_KEY, admin_key=ADMIN_KEY, _env_file=None), Outside(Vendor(Parrot()))
    )
    async with app.router.lifespan_context(app):
        gateway: Gateway = app.state.gateway
        async with gateway.database.write() as connection:
            channel = replace(CHANNEL, credentials=(Credential("credential_1", {"api_key": CREDENTIAL}),))
            await channel_store.insert_one(connection, gateway.vault, channel)
            await key_store.insert_one(connection, replace(KEY, hash=hash_key(CLIENT_KEY), hint=CLIENT_KEY[:7]))
        await admin_key(gateway, ADMIN_KEY)
        yield app


@contextmanager
def _debug_log() -> Iterator[io.StringIO]:
    """Every line that would be written at DEBUG, as the application writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonLines())
    handler.addFilter(logs.Redaction())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of the data folder: the database with its write-ahead log, stored results, everything."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _whole(answer: httpx.Response) -> bytes:
    return b"\n".join([*(b"%b: %b" % header for header in answer.headers.raw), answer.content])


def _event(data: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(data).encode()


def _around(data: bytes, canary: str) -> bytes:
    place = data.index(canary.encode())
    return data[max(place - 60, 0) : place + 60]

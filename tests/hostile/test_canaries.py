"""Canaries: secrets of unmistakable shape, a vendor that repeats whatever it is shown, and a look at everything that comes out."""

import base64
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

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
from app.store.database import Database
from app.store.keys import hash_key
from app.store.tables import attempts, audit, cooldowns, metadata, replays
from app.store.tables import jobs as job_table
from app.wiring import Outside
from tests.api.conftest import client_of
from tests.api.vendor import CLIP
from tests.databases import KINDS, fresh_database
from tests.gateways import CHANNEL, KEY, Vendor, ended
from tests.hostile.conftest import admin_key

pytestmark = pytest.mark.anyio

CREDENTIAL = "Wq7credentialCanaryZk3"
CLIENT_KEY = "sk-Xr5clientCanaryJv8"
ADMIN_KEY = "fg-admin-Pt2adminCanaryLm6"
SECRET_KEY = "Hd9secretCanaryBn4"
CANARIES = (CREDENTIAL, CLIENT_KEY, ADMIN_KEY, SECRET_KEY)
PROMPT = "Zq7promptCanaryWk4"
PIXELS = b"pixels of the Gv3mediaCanaryTd9"
SAID = (PROMPT, PIXELS.decode(), base64.b64encode(PIXELS).decode().rstrip("=")[:-1])


@dataclass(slots=True)
class Parrot:
    """A vendor that puts the credential which it was shown into everything that it says."""

    prompts: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response | Exception:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.method == "GET":
            return self._status(request, shown)
        prompt = _prompt(request.content)
        self.prompts.append(prompt)
        said = {"message": f"The key {shown} may not: {prompt}", "code": f"no_{shown}", "param": shown, "type": shown}
        word = prompt.removesuffix(f" {PROMPT}")
        headers = {"x-request-id": f"req-{shown}", "set-cookie": f"session={shown}"}
        match word:
            case "unreachable":
                return httpx.ConnectError("no way", request=request)
            case "broken off":
                return httpx.ReadError("too long", request=request)
            case "a page":
                return httpx.Response(200, html=f"<p>Welcome, {shown}</p>", headers=headers)
            case "400" | "401" | "403" | "429" | "500":
                return httpx.Response(int(word), json={"error": said}, headers=headers)
            case "a stream":
                return httpx.Response(
                    200, content=_event({"type": "error", "error": said}), headers={"content-type": "text/event-stream"}
                )
        if "/images/" in request.url.path:
            picture = {"url": f"https://cdn.example.com/a.png?token={shown}", "revised_prompt": f"better: {prompt}"}
            return httpx.Response(200, json={"created": 1, "data": [picture]})
        video = {"id": f"video_{len(self.prompts)}", "status": "queued", "note": shown, "prompt": prompt}
        return httpx.Response(200, json=video, headers=headers)

    def _status(self, request: httpx.Request, shown: str) -> httpx.Response:
        if request.url.path.endswith("/content"):
            return httpx.Response(200, content=CLIP, headers={"content-type": "video/mp4", "x-key": shown, "etag": shown})
        identifier = request.url.path.rpartition("/")[2]
        number = int(identifier.removeprefix("video_")) - 1 if identifier.startswith("video_") else None
        prompt = "" if number is None else self.prompts[number]
        word = prompt.removesuffix(f" {PROMPT}")
        if number is not None and word in ("poll trouble", "poll refused", "odd status"):
            self.prompts[number] = prompt.replace(word, "fails")
        if word in ("poll trouble", "poll refused"):
            error = {"message": f"Who is {shown} with {prompt}?", "code": shown}
            return httpx.Response(500 if word == "poll trouble" else 401, json={"error": error})
        if word == "odd status":
            return httpx.Response(200, json={"id": identifier, "status": f"waiting for {shown} with {prompt}"})
        if word == "fails":
            error = {"message": f"The key {shown} is out of luck with {prompt}", "code": f"luck_{shown}"}
            return httpx.Response(200, json={"id": identifier, "status": "failed", "error": error})
        return httpx.Response(200, json={"id": identifier, "status": "completed", "data": [], "note": shown, "prompt": prompt})


@pytest.mark.parametrize("kind", KINDS)
async def test_no_secret_in_logs_errors_traces_or_db_dump(kind: str, tmp_path: Path) -> None:
    answers: list[httpx.Response] = []
    with fresh_database(kind, tmp_path) as url, _debug_log() as log:
        async with _application(tmp_path, url) as app:
            gateway: Gateway = app.state.gateway
            async with client_of(app, CLIENT_KEY) as client, client_of(app, ADMIN_KEY) as admin:
                answers += [await _create(gateway, client, prompt) for prompt in _PROMPTS]
                jobs = [answer.json()["id"] for answer in answers if answer.is_success]
                for job_id in jobs:
                    await ended(gateway, job_id)
                answers += [await client.get(path) for job_id in jobs for path in _reads(job_id)]
                answers += [
                    await _draw(gateway, client, prompt, stream=stream)
                    for prompt in ("fine", "400", "a page", "a stream", "401")
                    for stream in (False, True)
                ]
                tables = await _dump(gateway.database)
                answers += await _operate(admin)
                answers += [await client.get("/v1/models"), await client.post("/v1/videos", content=CLIENT_KEY.encode())]
            async with client_of(app, ADMIN_KEY + "x") as stranger:
                answers += [await stranger.get("/v1/videos"), await stranger.get("/admin/keys")]
            kept = _files(tmp_path) | tables | {f"{name}, later": data for name, data in (await _dump(gateway.database)).items()}
        kept |= {f"{name}, after the end": data for name, data in _files(tmp_path).items()}
    told = {
        f"{answer.request.method} {answer.request.url.path} {answer.status_code} #{n}": _whole(answer)
        for n, answer in enumerate(answers)
    }
    assert {answer.status_code for answer in answers} >= {200, 201, 400, 401, 429, 502}
    assert any(name.endswith("-wal") for name in kept) == (kind == "sqlite")
    assert all(tables[table.name] for table in (job_table, attempts, cooldowns, replays))
    assert kept[f"{audit.name}, later"]
    assert len(log.getvalue().splitlines()) > 100
    assert _found({**told, **kept, "the log": log.getvalue().encode()}, CANARIES) == []


@pytest.mark.parametrize("whose", ["the key's", "the operator's"])
@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_that_a_private_client_says_is_logged_or_stored(kind: str, whose: str, tmp_path: Path) -> None:
    """Whoever refuses to have prompts stored: the vendor repeats them in all that it says, and none is in any table or line."""
    with fresh_database(kind, tmp_path) as url, _debug_log() as log:
        async with _application(tmp_path, url, private_key=whose == "the key's", store_prompts=whose == "the key's") as app:
            gateway: Gateway = app.state.gateway
            async with client_of(app, CLIENT_KEY) as client, client_of(app, ADMIN_KEY) as admin:
                answers = [await _create(gateway, client, f"{prompt} {PROMPT}", **_PRIVATE) for prompt in _PROMPTS]
                jobs = [answer.json()["id"] for answer in answers if answer.is_success]
                for job_id in jobs:
                    await ended(gateway, job_id)
                answers += [await _draw(gateway, client, f"{prompt} {PROMPT}") for prompt in ("fine", "400", "a page", "401")]
                tables = await _dump(gateway.database)
                again = [answer for job_id in jobs for path in _reads(job_id) if (answer := await client.get(path))]
                operated = await _operate(admin)
            stored = {name: data for name, data in _files(tmp_path).items() if "filmgate.db" in name}
    assert {answer.status_code for answer in answers} >= {200, 400, 429, 502}
    assert log.getvalue().count("poll failed") == 2
    assert log.getvalue().count("unknown status") == 1
    assert all(tables[table.name] for table in (job_table, attempts, cooldowns, replays))
    told = {f"{answer.request.url.path} #{n}": answer.content for n, answer in enumerate([*again, *operated])}
    assert _found({**tables, **stored, **told, "the log": log.getvalue().encode()}, SAID) == []


async def test_a_private_job_that_a_new_process_finds_goes_on_and_ends(tmp_path: Path) -> None:
    parrot = Parrot()
    async with _application(tmp_path, private_key=True, vendor=parrot) as app, client_of(app, CLIENT_KEY) as client:
        job_id = (await client.post("/v1/videos", json={"model": "m", "prompt": f"fine {PROMPT}"})).json()["id"]
    async with _application(tmp_path, private_key=True, vendor=parrot) as app, client_of(app, CLIENT_KEY) as client:
        await ended(app.state.gateway, job_id)
        shown = (await client.get(f"/v1/videos/{job_id}")).json()
        assert (shown["status"], shown["prompt"]) == ("completed", "")
        assert (await client.get(f"/v1/videos/{job_id}/content")).content == CLIP
    assert len(parrot.prompts) == 1


_PRIVATE = {
    "negative_prompt": f"no {PROMPT}",
    "user": PROMPT,
    "metadata": {"style_note": PROMPT, PROMPT + " too": 1, "nested": {"text": PROMPT}},
    "input_reference": f"data:image/png;base64,{base64.b64encode(PIXELS).decode()}",
}


_PROMPTS = (
    "fine",
    "fails",
    "poll trouble",
    "poll refused",
    "odd status",
    "400",
    "401",
    "403",
    "429",
    "500",
    "a page",
    "broken off",
    "unreachable",
)


def _reads(job_id: str) -> tuple[str, ...]:
    return f"/v1/videos/{job_id}", f"/v1/video/generations/{job_id}", f"/v1/videos/{job_id}/content", "/v1/videos"


async def _create(gateway: Gateway, client: httpx.AsyncClient, prompt: str, **fields: object) -> httpx.Response:
    """A video; the vendor's only credential may be used although it was refused before."""
    await gateway.health.forgive(CHANNEL.id)
    body = {"model": "m", "prompt": prompt, "api_key": "mine", **fields}
    return await client.post("/v1/videos", json=body, headers={"idempotency-key": f"named {prompt.removesuffix(PROMPT)}"})


async def _draw(gateway: Gateway, client: httpx.AsyncClient, prompt: str, **fields: object) -> httpx.Response:
    await gateway.health.forgive(CHANNEL.id)
    return await client.post("/v1/images/generations", json={"model": "m", "prompt": prompt, **fields})


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
        await admin.get("/admin/audit?limit=100"),
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
async def _application(
    folder: Path, url: str = "", *, private_key: bool = False, vendor: Parrot | None = None, **settings: Any
) -> AsyncIterator[FastAPI]:
    chosen = Settings(data_dir=folder, database_url=url, secret_key=SECRET_KEY, admin_key=ADMIN_KEY, _env_file=None, **settings)
    app = create_app(chosen, Outside(Vendor(vendor or Parrot())))
    async with app.router.lifespan_context(app):
        gateway: Gateway = app.state.gateway
        channel = replace(CHANNEL, credentials=(Credential("credential_1", {"api_key": CREDENTIAL}),))
        key = replace(KEY, hash=hash_key(CLIENT_KEY), hint=CLIENT_KEY[:7], store_prompts=not private_key)
        async with gateway.database.write() as connection:
            if await key_store.get(connection, key.id) is None:
                await channel_store.insert_one(connection, gateway.vault, channel)
                await key_store.insert_one(connection, key)
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


async def _dump(database: Database) -> dict[str, bytes]:
    """Every row of every table, as text."""
    dumped: dict[str, bytes] = {}
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            rows = (await connection.execute(table.select())).all()
            dumped[table.name] = b"\n".join(_text(value) for row in rows for value in row)
    return dumped


def _text(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else json.dumps(value, ensure_ascii=False, default=str).encode()


def _found(places: Mapping[str, bytes], canaries: Sequence[str]) -> list[str]:
    """Where a canary sits, with what stands around it."""
    return [f"{place}: {_around(data, one)!r}" for place, data in places.items() for one in canaries if one.encode() in data]


def _whole(answer: httpx.Response) -> bytes:
    return b"\n".join([*(b"%b: %b" % header for header in answer.headers.raw), answer.content])


def _prompt(body: bytes) -> str:
    """What a create asks for, in JSON or in a form."""
    if body[:1] == b"{":
        return str(json.loads(body).get("prompt"))
    found = re.search(rb'name="prompt"\r\n(?:[^\r]+\r\n)*\r\n(.*?)\r\n--', body, re.DOTALL)
    assert found is not None
    return found[1].decode()


def _event(data: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(data).encode()


def _around(data: bytes, canary: str) -> bytes:
    place = data.index(canary.encode())
    return data[max(place - 60, 0) : place + 60]

"""Whole gateways on real sockets, and what tests do at them from both sides."""

import io
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import httpx
from PIL import Image
from sqlalchemy import select

from app.domain.channels import Channel, Credential
from app.engine.gateway import Gateway
from app.main import create_app
from app.settings import Settings
from app.store import channels as channel_store
from app.store import keys as key_store
from app.store.keys import hash_key
from app.store.tables import jobs, open_jobs
from tests.databases import migrated_in
from tests.gateways import KEY, KEY_TEXT
from tests.servers import serve

PATIENCE = 15.0  # seconds in which a job of a test must end
SANDBOX = Channel(id="ch_sandbox", name="sandbox", adapter="sandbox", base_url="sandbox://local")
# the smallest film that the sandbox makes quickly
TINY: dict[str, Any] = {"model": "sandbox-video", "prompt": "a paper boat", "seconds": "1", "size": "128x72"}
PICTURE: dict[str, Any] = {"model": "sandbox-image", "prompt": "a kite", "size": "128x72"}


@dataclass(slots=True)
class Gate:
    """A gateway that serves on a socket; `http` shows the key of `tests.gateways`, `browser` none."""

    url: str
    gateway: Gateway
    http: httpx.AsyncClient
    browser: httpx.AsyncClient

    async def key(self, **values: Any) -> str:
        """A further client key, in the clear."""
        text = f"sk-test-{secrets.token_hex(8)}"
        key = replace(KEY, id=f"key_{text[-16:]}", hash=hash_key(text), **values)
        async with self.gateway.database.write() as connection:
            await key_store.insert_one(connection, key)
        await self.gateway.configuration.refresh()
        return text

    async def created(self, path: str = "/v1/videos", **body: Any) -> dict[str, Any]:
        """The answer to a create that is accepted."""
        answer = await self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def ended(self, job_id: str, *behind: "Gate", client: httpx.AsyncClient | None = None) -> dict[str, Any]:
        """The job as `GET /v1/videos/{id}` shows it (to this client) once it has ended.

        Vendors are asked at once and not after the usual pauses, also by the gateways `behind` this one.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            shown: dict[str, Any] = (await (client or self.http).get(f"/v1/videos/{job_id}")).json()
            if shown["status"] in ("completed", "failed"):
                return shown
            for gate in behind:
                await gate.hurry()
            self.gateway.poller.hurry(job_id)
            await self.gateway.watching.changed(job_id, 0.03)
        raise AssertionError(f"{job_id} did not end: {shown}")

    async def made(self, path: str = "/v1/videos", **body: Any) -> dict[str, Any]:
        """`created`, then `ended`."""
        return await self.ended((await self.created(path, **body))["id"])

    async def hurry(self) -> None:
        """Has every open job of this gateway asked about."""
        async with self.gateway.database.read() as connection:
            found = await connection.execute(select(jobs.c.id).where(open_jobs))
        for job_id in found.scalars():
            self.gateway.poller.hurry(job_id)


OPEN: list[Gateway] = []  # the gateways of this process that run now


@asynccontextmanager
async def gate_on(folder: Path, *channels: Channel, **settings: Any) -> AsyncIterator[Gate]:
    """The application, started, on a socket, with these channels and one key."""
    chosen = {"keep_results": False, **settings}
    migrated_in(folder)
    app = create_app(Settings(data_dir=folder, secret_key="tests", _env_file=None, **chosen))
    async with app.router.lifespan_context(app):
        gateway: Gateway = app.state.gateway
        async with gateway.database.write() as connection:
            for channel in channels:
                await channel_store.insert_one(connection, gateway.vault, channel)
            await key_store.insert_one(connection, KEY)
        await gateway.configuration.refresh()
        async with serve(app) as url, client_at(url, bearer(KEY_TEXT)) as http, client_at() as browser:
            OPEN.append(gateway)
            try:
                yield Gate(url, gateway, http, browser)
            finally:
                OPEN.remove(gateway)


async def rested() -> None:
    """Every credential takes jobs again, whatever an earlier test of the same gateway did to it."""
    for gateway in OPEN:
        known = gateway.health
        for channel in {name[0] for names in (known._held, known._probes, known._streaks, known._unwritten) for name in names}:
            await known.forgive(channel)  # of the others there is nothing to forgive, and each costs a durable commit


def channel_at(name: str, adapter: str, base_url: str, **values: Any) -> Channel:
    """A channel with a credential of its own."""
    credential = Credential(f"cred_{name}", {"api_key": values.pop("api_key", "test-key")})
    return Channel(id=f"ch_{name}", name=name, adapter=adapter, base_url=base_url, credentials=(credential,), **values)


def client_at(url: str = "", headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client of plain HTTP: reading every certificate that a TLS context wants takes longer than most tests here."""
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=20, verify=False)


def bearer(key: str) -> dict[str, str]:
    """The usual way to show a key."""
    return {"authorization": f"Bearer {key}"}


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The body of an error answer, whose nested and flat form agree and whose request id is the header's."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body["error"] == {name: body[name] for name in ("message", "type", "param", "code")}
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def picture_size(data: bytes) -> tuple[str, tuple[int, int]]:
    """Format and size of a picture; raises where it is none."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return str(picture.format), picture.size


def film_facts(data: bytes) -> tuple[str, int, int, float]:
    """Codec, width, height and length in seconds of a film; raises where it cannot be played."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        frames = len(list(container.decode(stream)))
        assert stream.average_rate is not None
        return stream.codec_context.name, stream.width, stream.height, float(frames / stream.average_rate)

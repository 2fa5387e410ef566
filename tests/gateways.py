"""Running gateways for tests: a real engine and store, a scripted vendor."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from app.domain.channels import Channel, Credential, Key
from app.domain.jobs import Job
from app.domain.requests import Request
from app.engine.gateway import Gateway, Wish
from app.settings import Settings
from app.store import channels as channel_store
from app.store import jobs as job_store
from app.store import keys as key_store
from app.store.keys import hash_key
from app.wiring import Outside, running_gateway
from tests.databases import migrated_in

KEY_TEXT = "sk-test-1"
KEY = Key(id="key_1", name="tests", hash=hash_key(KEY_TEXT), hint="sk-test")
CHANNEL = Channel(
    id="channel_1",
    name="vendor",
    adapter="openai",
    base_url="https://vendor.example.com",
    credentials=(Credential("credential_1", {"api_key": "canary-secret"}),),
)
Answer = httpx.Response | Exception
Script = Callable[[httpx.Request], Answer | Awaitable[Answer]]


def answer(body: object, status: int = 200) -> httpx.Response:
    """A vendor's JSON answer."""
    return httpx.Response(status, json=body)


class Vendor(httpx.AsyncBaseTransport):
    """Answers by script and remembers what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[httpx.Request] = []
        self.bodies: list[Any] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raw = await request.aread()
        self.requests.append(request)
        self.bodies.append(json.loads(raw) if raw[:1] == b"{" else raw)
        found = self.script(request)
        made = await found if isinstance(found, Awaitable) else found
        if isinstance(made, Exception):
            raise made
        return made

    def created(self) -> list[Any]:
        """The bodies of the creates that arrived."""
        return [body for request, body in zip(self.requests, self.bodies, strict=True) if request.method == "POST"]

    def creates(self, host: str = "") -> int:
        """How many creates arrived (at this host)."""
        return sum(1 for request in self.requests if request.method == "POST" and host in request.url.host)


@asynccontextmanager
async def gateway_on(
    folder: Path,
    script: Script,
    *,
    channels: Sequence[Channel] = (CHANNEL,),
    keys: Sequence[Key] = (KEY,),
    database_url: str = "",
    keep_results: bool = False,
    **outside: Any,
) -> AsyncIterator[tuple[Gateway, Vendor]]:
    """A running gateway whose only way out is the scripted vendor; it copies results only where a test says so."""
    vendor = Vendor(script)
    if not database_url:
        migrated_in(folder)
    settings = Settings(data_dir=folder, database_url=database_url, secret_key="tests", keep_results=keep_results, _env_file=None)
    async with running_gateway(settings, Outside(upstream=vendor, **outside)) as gateway:
        async with gateway.database.write() as connection:
            for channel in channels:
                if await channel_store.get(connection, gateway.vault, channel.id) is None:
                    await channel_store.insert_one(connection, gateway.vault, channel)
            for key in keys:
                if await key_store.get(connection, key.id) is None:
                    await key_store.insert_one(connection, key)
        await gateway.configuration.refresh()
        yield gateway, vendor


def another(name: str, **values: Any) -> Channel:
    """A further channel at a host of its own."""
    return replace(CHANNEL, id=f"channel_{name}", name=name, base_url=f"https://{name}.example.com", **values)


def wish(request: Request, **values: Any) -> Wish:
    """What the test key wants."""
    return Wish(**{"key": KEY, "request": request, **values})


async def ended(gateway: Gateway, job_id: str) -> Job:
    """The job when it has ended; its vendor is asked again and again without the usual pauses."""
    for _ in range(200):
        job = await gateway.job(job_id, None)
        if job.status.final:
            return job
        gateway.poller.hurry(job_id)
        await gateway.watching.changed(job_id, 0.05)
    raise AssertionError(f"{job_id} did not end: {job}")


async def stored(gateway: Gateway) -> list[Job]:
    """Every job in the database, the newest first."""
    async with gateway.database.read() as connection:
        return await job_store.admin_page(connection, limit=1000)

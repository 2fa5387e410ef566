"""A vendor on a raw socket that goes wrong on order: every way in which a connection, a proxy or a server can let us down.

A fault is what happens to one request, after it was read (`at_connect`: to one connection, before anything is read). Without
an order the vendor is in good health: creates are accepted, and a job is done at the first question.
"""

import asyncio
import json
import re
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from app.domain.channels import Channel
from app.engine.carriers import Answer
from app.engine.gateway import Gateway
from app.engine.http_carrier import HttpCarrier
from app.engine.outgoing import Outgoing
from app.settings import Settings
from app.store import channels as channel_store
from app.store import keys as key_store
from app.wiring import Outside, running_gateway
from tests.databases import migrated_in
from tests.gateways import CHANNEL, KEY
from tests.servers import read_request, serve_socket

HURRY = 0.5  # seconds that the gateway of these tests waits for a whole answer
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_ANSWER = json.dumps({"id": "video_0", "object": "video", "status": "queued", "progress": 0}).encode()
Trouble: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class FaultyVendor:
    """Counts what arrived. `on_create`, `on_poll` and `at_connect` are used up one by one, `always_on_create` never."""

    on_create: deque[Trouble] = field(default_factory=deque)
    on_poll: deque[Trouble] = field(default_factory=deque)
    at_connect: deque[Trouble] = field(default_factory=deque)
    always_on_create: Trouble | None = None
    creates: list[str] = field(default_factory=list)  # prompts of the creates that arrived
    accepted: list[str] = field(default_factory=list)  # prompts of those that got a healthy answer
    polls: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.at_connect:
            await self.at_connect.popleft()(writer)
            return
        while not writer.is_closing():
            request = await read_request(reader)
            if request.startswith(b"POST"):
                await self._created(request, writer)
            else:
                await self._polled(request, writer)
            await writer.drain()

    async def _created(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        prompt = str(json.loads(request.partition(b"\r\n\r\n")[2])["prompt"])
        self.creates.append(prompt)
        fault = self.on_create.popleft() if self.on_create else self.always_on_create
        if fault is not None:
            await fault(writer)
            return
        self.accepted.append(prompt)
        writer.write(http(200, {"id": f"video_{len(self.creates) - 1}", "object": "video", "status": "queued", "progress": 0}))

    async def _polled(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        self.polls += 1
        if self.on_poll:
            await self.on_poll.popleft()(writer)
            return
        identifier = re.search(rb"/videos/(\S+)", request)
        assert identifier is not None
        writer.write(http(200, {"id": identifier[1].decode(), "object": "video", "status": "completed", "progress": 100}))


def http(status: int, body: object, *headers: str) -> bytes:
    """A whole answer; `body` is JSON unless it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(raw)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + raw


def says(raw: bytes) -> Trouble:
    """Writes these bytes, and leaves the connection open."""

    async def fault(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return fault


def hangs_up_after(raw: bytes) -> Trouble:
    """Writes these bytes and closes as a server that ends does."""

    async def fault(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    return fault


def resets_after(raw: bytes) -> Trouble:
    """Writes these bytes and resets the connection, as a crashed machine or a middlebox does."""

    async def fault(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        await asyncio.sleep(0.02)  # else the reset overtakes the bytes
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return fault


async def hangs(writer: asyncio.StreamWriter) -> None:
    """Says nothing, for ever."""
    await asyncio.Event().wait()


async def drips(writer: asyncio.StreamWriter) -> None:
    """A good answer, a byte every 50 ms: never silent, never finished in time."""
    for byte in http(200, {"id": "video_0", "status": "queued"}):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


_HALF = http(200, _ANSWER)[: -len(_ANSWER) // 2]
BROKEN: dict[str, Trouble] = {  # after the request was read: it may have been obeyed, and no whole answer comes
    "reset before the answer": resets_after(b""),
    "closed before the answer": hangs_up_after(b""),
    "reset in the head": resets_after(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed in the head": hangs_up_after(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "reset in the body": resets_after(_HALF),
    "half an answer": hangs_up_after(_HALF),
    "less than announced": says(_HALF),
    "a broken chunk": hangs_up_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"),
    "broken gzip": hangs_up_after(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!"),
    "not http": hangs_up_after(b"220 mail.example.com ESMTP\r\n\r\n"),
    "slow drip": drips,
    "hung": hangs,
}
UNREADABLE: dict[str, Trouble] = {  # a whole answer that says nothing about the job
    "html 200": says(http(200, HTML)),
    "html 500": says(http(500, HTML)),
    "html 502": says(http(502, HTML)),
    "html 503": says(http(503, HTML)),
    "html 504": says(http(504, HTML)),
    "garbage 200": says(http(200, bytes(range(256)))),
    "empty 200": says(http(200, b"")),
    "half json 200": says(http(200, _ANSWER[:20])),
    "another thing 200": says(http(200, {"ok": True})),
}


def too_many(*headers: str) -> Trouble:
    """429, with these further headers."""
    return says(http(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, *headers))


OVERLOADED = says(http(503, {"error": {"message": "full", "code": "server_overloaded"}}))


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        return self._once()

    async def close(self) -> None:
        """Nothing is held."""

    async def _once(self) -> AsyncIterator[bytes]:
        yield self.raw


class Hurried:
    """The gateway's own way out, with every vendor's patience cut to `HURRY`; the bytes take the usual way."""

    def __init__(self) -> None:
        self._inner = HttpCarrier()

    async def carry(self, outgoing: Outgoing) -> Answer:
        async with asyncio.timeout(HURRY):
            answer = await self._inner.carry(outgoing)
            try:
                raw = b"".join([chunk async for chunk in answer.chunks])
            finally:
                await answer.close()
        return Whole(answer.status, answer.headers, raw)

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def vendors(count: int = 1) -> AsyncIterator[list[tuple[FaultyVendor, Channel]]]:
    """So many of them, each behind a channel of its own; the first is asked first."""
    if count == 0:
        yield []
        return
    vendor = FaultyVendor()
    async with serve_socket(vendor) as url, vendors(count - 1) as others:
        yield [(vendor, channel_at(url, f"vendor {count}", priority=count)), *others]


def channel_at(url: str, name: str, **values: Any) -> Channel:
    """A channel to this address; a job costs a quarter of a dollar."""
    prices = {"m": {"unit": "job", "usd": "0.25"}}
    return Channel(
        **{
            "id": f"channel_{name}",
            "name": name,
            "adapter": "openai",
            "base_url": url,
            "credentials": CHANNEL.credentials,
            "models": {"m": "m"},
            "prices": prices,
            **values,
        }
    )


@asynccontextmanager
async def gateway_to(folder: Path, *channels: Channel, database_url: str = "", **outside: Any) -> AsyncIterator[Gateway]:
    """A running gateway with these channels that reaches its vendors over real sockets."""
    if not database_url:
        migrated_in(folder)
    settings = Settings(data_dir=folder, database_url=database_url, secret_key="tests", keep_results=False, _env_file=None)
    async with running_gateway(settings, Outside(**{"upstream": Hurried(), **outside})) as gateway:
        async with gateway.database.write() as connection:
            for channel in channels:
                await channel_store.insert_one(connection, gateway.vault, channel)
            await key_store.insert_one(connection, KEY)
        await gateway.configuration.refresh()
        yield gateway

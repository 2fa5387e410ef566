"""The vendor of a campaign, never killed: it counts what it accepted, by the mark in each prompt, and has bad days."""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.servers import Receive, Scope, Send

CONTENT = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 16  # bytes of every film
_HTML = b"<html>Bad Gateway</html>"
Headers: TypeAlias = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Made:
    """A create that was accepted: it counts from its arrival, whether or not its answer finds anybody."""

    id: str
    mark: str
    ends_at: float  # monotonic seconds
    works: bool
    answered: bool  # False: an error page was sent in place of the answer


@dataclass(slots=True)
class MoodyVendor:
    """An ASGI application in the shape of `/v1/videos`. Of a hundred creates it refuses ten and loses the answers to four."""

    rng: random.Random
    made: dict[str, Made] = field(default_factory=dict)  # by the vendor's id
    refused: int = 0
    in_flight: int = 0

    @property
    def last_end(self) -> float:
        """When the last job ends, in monotonic seconds."""
        return max((one.ends_at for one in self.made.values()), default=0.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        path = str(scope["path"])
        if body is None:
            return  # the gateway died while it sent: this create never arrived
        if scope["method"] == "POST":
            await self._create(str(json.loads(body)["prompt"]), send)
        elif path.endswith("/content"):
            await _send(send, 200, CONTENT, b"video/mp4")
        else:
            await self._status(path.rpartition("/")[2], send)

    async def _create(self, mark: str, send: Send) -> None:
        dice = self.rng.random()
        if dice < 0.10:
            self.refused += 1
            await asyncio.sleep(self.rng.uniform(0.0, 0.2))
            await _answer(send, *_refusal(dice))
            return
        length = self.rng.uniform(1.0, 3.0)
        one = Made(f"video_{len(self.made)}", mark, time.monotonic() + length, self.rng.random() < 0.9, dice >= 0.14)
        self.made[one.id] = one
        self.in_flight += 1
        try:  # most answers come at once, one in five late enough to be met by a kill
            await asyncio.sleep(self.rng.uniform(0.3, 1.5) if self.rng.random() < 0.2 else self.rng.uniform(0.0, 0.1))
            if one.answered:
                await _answer(send, 200, {"id": one.id, "object": "video", "status": "queued", "progress": 0})
            else:
                await _send(send, 502, _HTML, b"text/html")
        finally:
            self.in_flight -= 1

    async def _status(self, identifier: str, send: Send) -> None:
        one = self.made.get(identifier)
        if one is None:
            await _answer(send, 404, {"error": {"message": "no such video", "code": "video_not_found"}})
        elif self.rng.random() < 0.02:
            await _send(send, 502, _HTML, b"text/html")
        else:
            await _answer(send, 200, {"id": one.id, "object": "video", **_progress(one)})


def _progress(one: Made) -> Mapping[str, object]:
    if time.monotonic() < one.ends_at:
        return {"status": "in_progress", "progress": 50}
    if one.works:
        return {"status": "completed", "progress": 100}
    return {"status": "failed", "error": {"code": "generation_failed", "message": "the boat sank"}}


def _refusal(dice: float) -> tuple[int, object]:
    if dice < 0.04:
        return 429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    if dice < 0.06:
        return 503, {"error": {"message": "full", "code": "server_overloaded"}}
    return 400, {"error": {"message": "no boats", "code": "invalid_value", "param": "prompt"}}


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Send, status: int, body: object) -> None:
    await _send(send, status, json.dumps(body).encode(), b"application/json")


async def _send(send: Send, status: int, raw: bytes, kind: bytes) -> None:
    headers: Headers = [(b"content-type", kind), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})

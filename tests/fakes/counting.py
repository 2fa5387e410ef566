"""A vendor in the shape of `/v1/videos` that counts: it remembers every create that ever arrived, and can hold its answers."""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers import Receive, Scope, Send


@dataclass(slots=True)
class Hold:
    """A place at which an answer waits: `reached` says that somebody is there, `released` lets everybody go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Stand here until released."""
        self.reached.set()
        await self.released.wait()


@dataclass(slots=True)
class CountingVendor:
    """An ASGI application; prompts are the names of jobs, so a prompt that stands twice in `creates` was paid twice.

    `delay` gives the seconds before a create is answered; a job ends at the `polls_to_end`-th question about it.
    """

    delay: Callable[[], float] = lambda: 0.0
    polls_to_end: int = 1
    creates: list[str] = field(default_factory=list)  # prompts in the order of arrival; an arrived create is an accepted one
    polls: dict[str, int] = field(default_factory=dict)  # prompt -> questions
    _holds: dict[tuple[str, str], Hold] = field(default_factory=dict)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def hold(self, what: str, name: str) -> Hold:
        """Holds the answer to a `create` or `status` of this prompt, or to a request for this `file`."""
        return self._holds.setdefault((what, name), Hold())

    async def received(self, count: int) -> None:
        """Waits until this many creates have arrived in all."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.creates) >= count)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        body = await _body(receive)
        if scope["method"] == "POST":
            await self._create(body, send)
        elif path.startswith("/files/"):
            await self._held("file", path.removeprefix("/files/"))
            await _answer(send, 404, {"error": {"message": "no such file"}})
        else:
            await self._status(path.rpartition("/")[2], send)

    async def _create(self, body: bytes, send: Send) -> None:
        prompt = str(json.loads(body)["prompt"])
        number = len(self.creates)
        async with self._arrived:
            self.creates.append(prompt)
            self._arrived.notify_all()
        await asyncio.sleep(self.delay())
        await self._held("create", prompt)
        await _answer(send, 200, {"id": f"video_{number}", "object": "video", "status": "queued", "progress": 0})

    async def _status(self, identifier: str, send: Send) -> None:
        prompt = self.creates[int(identifier.removeprefix("video_"))]
        self.polls[prompt] = self.polls.get(prompt, 0) + 1
        await self._held("status", prompt)
        done = self.polls[prompt] >= self.polls_to_end
        status, progress = ("completed", 100) if done else ("in_progress", 50)
        await _answer(send, 200, {"id": identifier, "object": "video", "status": status, "progress": progress})

    async def _held(self, what: str, name: str) -> None:
        hold = self._holds.get((what, name))
        if hold is not None:
            await hold.wait()


def uneven(seed: int, most: float) -> Callable[[], float]:
    """Seconds between nothing and `most`, the same row of them for the same seed."""
    rng = random.Random(seed)
    return lambda: rng.uniform(0.0, most)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Send, status: int, body: object) -> None:
    raw = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})

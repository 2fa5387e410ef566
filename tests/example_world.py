"""A gateway in which the examples of the API reference come true: what their ids stand for is made when it is asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from tests.api.conftest import SANDBOX, STRANGER, Site, site_on
from tests.engine.test_webhooks import Receiver
from tests.gateways import KEY, ended
from tests.hostile.conftest import admin_of
from tests.servers import serve

PRICED = replace(SANDBOX, prices={"sandbox-video": {"unit": "second", "usd": "0.05"}})
BOAT = {"model": "sandbox-video", "prompt": "A paper boat on a rainy street", "seconds": "1", "size": "128x72"}
PICTURE = {"model": "sandbox-image", "prompt": "A paper boat", "size": "64x64"}


@dataclass
class World:
    """The application over the sandbox, a client, an operator, and a server that hears webhooks."""

    site: Site
    admin: httpx.AsyncClient
    receiver: Receiver
    hook: str
    made: dict[str, str] = field(default_factory=dict)

    async def real(self, text: str) -> str:
        """The text with ids that exist in the place of the examples' own."""
        for name, make in _MAKERS.items():
            if name in text:
                if name not in self.made:
                    self.made[name] = await make(self)
                text = text.replace(name, self.made[name])
        return text

    async def job(self, path: str, body: dict[str, Any], **more: Any) -> str:
        """The id of a new job."""
        answer = await self.site.client.post(path, json={**body, **more})
        assert answer.status_code in (200, 202), answer.text
        return str(answer.json()["id"])

    async def finished(self, path: str, body: dict[str, Any], **more: Any) -> str:
        """The id of a new job that has ended."""
        found = await self.job(path, body, **more)
        await ended(self.site.gateway, found)
        return found


async def _film(world: World) -> str:
    return await world.finished("/v1/videos", BOAT)


async def _running(world: World) -> str:
    return await world.job("/v1/videos", BOAT, metadata={"sandbox": {"delay": 600}})


async def _picture(world: World) -> str:
    return await world.finished("/v1/images/generations", PICTURE, background=True)


async def _event(world: World) -> str:
    await world.site.client.post("/v1/webhook-secret")
    await world.finished("/v1/videos", BOAT, callback_url=world.hook)
    await world.receiver.arrived(1)
    await _until_written(world)
    return str((await world.admin.get("/admin/webhooks")).json()["data"][0]["id"])


async def _until_written(world: World) -> None:
    """Returns when the delivery that has arrived is in the books, too."""
    for _ in range(1000):
        if (await world.admin.get("/admin/webhooks", params={"state": "delivered"})).json()["data"]:
            return
    raise AssertionError("the delivery was not written down")


async def _channel(world: World) -> str:
    body = {"name": f"studio {len(world.made)}", "adapter": "sandbox"}
    return str((await world.admin.post("/admin/channels", json=body)).json()["id"])


async def _key(world: World) -> str:
    return str((await world.admin.post("/admin/keys", json={"name": "studio"})).json()["id"])


async def _link(world: World) -> str:
    made = await world.real("task_01k8c4d2m6n8p0q2r4s6t8v0w2")
    return world.site.gateway.links.result(made).rpartition("/")[2]


async def _callback(world: World) -> str:
    made = await world.real("task_01k8c4d2m6n8p0q2r4s6t8v0w2")
    return (world.site.gateway.links.callback(made) or "").rpartition("/")[2]


# an id of the examples -> what makes the thing that it stands for
_MAKERS: dict[str, Callable[[World], Awaitable[str]]] = {
    "task_01k8c4d2m6n8p0q2r4s6t8v0w2": _film,
    "task_01k8c4f9a1b3c5d7e9g1h3j5k7": _running,
    "task_01k8c4g5n7p9q1r3s5t7v9w1x3": _film,
    "task_01k8c4g8b0c2d4e6f8g0h2j4k6": _film,
    "image_01k8c4h0x2y4z6a8b0c2d4e6f8": _picture,
    "evt_01k8c4j3m5n7p9q1r3s5t7v9w1": _event,
    "ch_01k8c0a2b4c6d8e0f2g4h6j8k0": _channel,
    "ch_01k8c0m1n3p5q7r9s1t3v5w7x9": _channel,
    "key_01k8c1a3b5c7d9e1f3g5h7j9k1": _key,
    "key_01k8c1m2n4p6q8r0s2t4v6w8x0": _key,
    "eyJyZXN1bHQiOiJhIHBhcGVyIGJvYXQifQ": _link,
    "eyJjYWxsYmFjayI6Im5ld3MifQ": _callback,
}


async def everything(world: World) -> None:
    """Makes whatever the examples name, before their own jobs keep the sandbox busy."""
    await world.real(" ".join(_MAKERS))


@asynccontextmanager
async def world_in(folder: Path) -> AsyncIterator[World]:
    """The world of the examples, running."""
    async with AsyncExitStack() as stack:
        receiver = Receiver()
        url = await stack.enter_async_context(serve(receiver))
        options: dict[str, Any] = {"allow_hosts": "127.0.0.1", "public_url": "http://gate.example.com"}
        site = await stack.enter_async_context(site_on(folder, channels=[PRICED], keys=[KEY, STRANGER], **options))
        admin = await stack.enter_async_context(admin_of(site))
        yield World(site, admin, receiver, f"{url}/hook")

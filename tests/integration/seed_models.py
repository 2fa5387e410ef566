"""The models of the four documents with what each can do, and a gateway in front of a fake of every vendor that serves one.

Document 0 names Seedance-2.0-overseas-1 and Seedream-5.0-overseas-1, document 1 doubao-seedance-2-0 and -fast, document 2 kling-v1,
jimeng_vgfm_t2v_l20 (with the `req_key` jimeng_vgfm_i2v_l20) and viduq1, document 3 the rest. Modes are written in our words.
"""

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.domain.channels import Channel, Credential
from app.engine.configuration import ADMIN_KEY_SETTING
from app.store import settings as setting_store
from app.store.keys import hash_key
from tests.fakes.ark import FakeArk
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.fakes.azure import FakeAzure
from tests.fakes.dashscope import FakeDashScope
from tests.fakes.gemini import FakeGemini
from tests.fakes.jimeng import FakeJimeng
from tests.fakes.kling import FakeKling
from tests.fakes.minimax import FakeMiniMax
from tests.fakes.newapi import FakeNewApi
from tests.fakes.openai_videos import FakeVideos
from tests.fakes.openai_wire import File
from tests.fakes.vertex import FakeVertex, service_account
from tests.fakes.vidu import FakeVidu
from tests.fakes.xai import FakeXai
from tests.integration.gates import Gate, bearer, channel_at, client_at, gate_on
from tests.integration.seed_requests import KLING_NAMES, OTHER_NAMES, SEEDANCE_NAMES, Body
from tests.servers import AsgiApp, Receive, Scope, Send, serve

PUBLIC, ADMIN = "https://gate.example.com", "sk-admin-of-the-tests"
TEXT, FRAME, FRAMES, ALL = "t2v", "t2v i2v", "t2v i2v flf2v", "t2v i2v flf2v r2v"
_VEO = {
    **dict.fromkeys(("veo3", "veo3-fast", "veo3-pro", "veo3.1", "veo3.1-fast", "veo3.1-pro"), f"{ALL} extend"),
    **dict.fromkeys(("veo3-frames", "veo3-fast-frames", "veo3-pro-frames"), "i2v flf2v"),
    "veo3.1-components": "r2v",
    **dict.fromkeys(("veo3.1-4k", "veo3.1-pro-4k"), ALL),
    "gemini-omni": f"{ALL} edit extend remix",
}
_SEEDANCE_2 = dict.fromkeys(("doubao-seedance-2-0", "doubao-seedance-2-0-fast", "Seedance-2.0-overseas-1"), ALL)

# adapter -> model -> modes
MODELS: Mapping[str, Mapping[str, str]] = {
    "ark": {
        "doubao-seedance-1-0-lite-t2v-250428": TEXT,
        "doubao-seedance-1-0-lite-i2v-250428": "i2v flf2v r2v",
        "doubao-seedance-1-0-pro-250528": FRAMES,
        "doubao-seedance-1-0-pro-fast-251015": FRAME,
        "doubao-seedance-1-5-pro-251215": FRAMES,
        "doubao-seedance-2-0-260128": ALL,
        "doubao-seedance-2-0-fast-260128": ALL,
        **_SEEDANCE_2,
    },
    "byteplus": _SEEDANCE_2,
    # the first is the one public name of document 3, whose `model_name` is one of the others
    "kling": {
        "kling-video": f"{ALL} edit extend",
        "kling-v1": f"{FRAMES} extend",
        "kling-v1-5": "i2v flf2v extend",
        "kling-v1-6": f"{ALL} extend",
        "kling-v2-master": f"{FRAME} extend",
        "kling-v2-1": "i2v flf2v extend",
        "kling-v2-1-master": f"{FRAME} extend",
        "kling-v2-5-turbo": f"{FRAMES} extend",
        "kling-v2-6": f"{FRAMES} extend",
        "kling-v3": f"{FRAMES} extend",
    },
    "vidu": {"viduq1": ALL, "viduq3-turbo": ALL},
    "jimeng": {"jimeng_vgfm_t2v_l20": FRAME, "jimeng_vgfm_i2v_l20": "i2v"},
    "dashscope": {
        "happyhorse-1.0": "t2v i2v r2v edit",
        "happyhorse-1.0-t2v": TEXT,
        "happyhorse-1.0-i2v": "i2v",
        "happyhorse-1.0-r2v": "r2v",
        "happyhorse-1.0-video-edit": "edit",
    },
    "minimax": {"hailuo-video": ALL},
    "gemini": _VEO,
    "vertex": _VEO,
    "xai": {
        "grok-imagine-1.0-video": "t2v i2v r2v edit extend",
        "grok-imagine-video-1.5-preview": f"{ALL} edit extend",
        "grok-video-3": f"{ALL} edit extend",
    },
    "openai": dict.fromkeys(("sora-2", "sora-2-pro"), "t2v i2v remix edit extend"),
    "azure": {"sora-2": "t2v i2v remix"},
}
VIDEO_NAMES = {*SEEDANCE_NAMES, *OTHER_NAMES, *KLING_NAMES, *_SEEDANCE_2, "viduq1", "jimeng_vgfm_t2v_l20", "jimeng_vgfm_i2v_l20"}
IMAGE_NAME = "Seedream-5.0-overseas-1"
# the words of document 3 for what a model can do
WORDS: Mapping[str, tuple[str, ...]] = {
    "t2v": ("t2v",),
    "i2v": ("i2v",),
    "flf2v": ("i2v_first_last",),
    "r2v": ("reference_images", "reference_material", "multi_i2v", "r2v"),
    "edit": ("edit",),
    "extend": ("extend",),
}
FILES = {"a.jpg": ("image/jpeg", tiny_jpeg()), "b.png": ("image/png", tiny_png()), "clip.mp4": ("video/mp4", tiny_mp4())}
# which inputs each word has at least
LEAST: Mapping[str, Mapping[str, str]] = {
    "t2v": {},
    "i2v": {"image_url": "a.jpg"},
    "i2v_first_last": {"image_url": "a.jpg", "end_image_url": "b.png"},
    "reference_images": {"reference_images": "a.jpg"},
    "reference_material": {"image_urls": "a.jpg"},
    "multi_i2v": {"image_list": "a.jpg"},
    "r2v": {"input_reference": "a.jpg"},
    "edit": {"video_url": "clip.mp4"},
    "extend": {"video_url": "clip.mp4"},
}
_PAIR = {"access_key": "access", "secret_key": "secret"}
_ONE_LINK = ("image", "image_url", "end_image_url", "video_url", "video", "input_reference")


@dataclass(slots=True)
class Counted:
    """An application that counts what is posted to it."""

    app: AsgiApp
    posts: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.posts += scope["type"] == "http" and scope["method"] == "POST"
        await self.app(scope, receive, send)


@dataclass(slots=True)
class Site:
    """The gateway, a fake of each vendor by its adapter's name, and a client for the group of each and for "all"."""

    gate: Gate
    fakes: Mapping[str, Any]
    doors: Mapping[str, Counted]
    media: str
    keys: dict[str, str] = field(default_factory=dict)
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def link(self, name: str) -> str:
        """Where a medium lies."""
        return f"{self.media}/{name}"

    def given(self, inputs: Mapping[str, str]) -> Body:
        """Fields that name these media, as the documents write them."""
        found: Body = {}
        for name, file in inputs.items():
            link = self.link(file)
            found[name] = link if name in _ONE_LINK else [{"image": link}] if name == "image_list" else [link]
        return found

    def created(self, adapter: str) -> list[dict[str, Any]]:
        """The bodies of the creates that this vendor took."""
        fake = self.fakes[adapter]
        bodies: list[dict[str, Any]] = fake.videos.created if adapter == "azure" else fake.created
        return bodies

    def posts(self) -> int:
        """How much has been posted to all vendors but the token endpoint's."""
        return sum(door.posts for door in self.doors.values())

    async def film(self, adapter: str, body: Body, path: str = "/v1/videos") -> Body:
        """A film that is made through this vendor, down to its bytes."""
        client = self.clients[adapter]
        answer = await client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        done: Body = await self.gate.ended(answer.json()["id"], client=client)
        assert done["status"] == "completed", done
        content = await client.get(f"/v1/videos/{done['id']}/content")
        assert content.status_code == 200, content.text
        assert content.content == tiny_mp4()
        return done


def fakes() -> dict[str, Any]:
    """A fake of each vendor, as impatient as it can be."""
    return {
        "ark": FakeArk(queued_polls=0, running_polls=0),
        "byteplus": FakeArk(queued_polls=0, running_polls=0),
        "kling": FakeKling(submitted_polls=0, processing_polls=0, pairs={"access": "secret"}),
        "vidu": FakeVidu(queued_polls=0, running_polls=0),
        "jimeng": FakeJimeng("access", "secret", queued_polls=0, running_polls=0),
        "dashscope": FakeDashScope(pending_polls=0, running_polls=0),
        "minimax": FakeMiniMax(),
        "gemini": FakeGemini(keys=("test-key", "second-key"), running_polls=0),
        "vertex": FakeVertex(running_polls=0),
        "xai": FakeXai(pending_polls=0),
        "openai": FakeVideos(queued_polls=0, running_polls=0),
        "azure": FakeAzure(),
        "newapi": FakeNewApi(queued_polls=0, running_polls=0),
    }


@asynccontextmanager
async def site_on(folder: Path) -> AsyncIterator[Site]:
    """The whole site: a channel for each adapter with every model, in a group of its own and in "all"."""
    vendors = fakes()
    vendors["azure"].videos.queued_polls = vendors["azure"].videos.running_polls = 0
    doors = {name: Counted(fake.app) for name, fake in vendors.items()}
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(serve(door)) for name, door in doors.items()}
        vendors["vertex"].token_uri = f"{urls['vertex']}/token"
        media = await stack.enter_async_context(serve(Starlette(routes=[Route("/{name}", _file)])))
        channels = [_channel(name, url) for name, url in urls.items()]
        settings: dict[str, Any] = {"allow_hosts": ("127.0.0.1",), "public_url": PUBLIC}
        gate = await stack.enter_async_context(gate_on(folder, *channels, **settings))
        async with gate.gateway.database.write() as connection:
            await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(ADMIN))
        site = Site(gate, vendors, doors, media)
        for group in (*urls, "all"):
            site.keys[group] = await gate.key(name=group, groups=frozenset({group}))
            client = client_at(gate.url, bearer(site.keys[group]))
            site.clients[group] = await stack.enter_async_context(client)
        yield site


def _channel(adapter: str, url: str) -> Channel:
    base_url = f"{url}/api/v3" if adapter in ("ark", "byteplus") else url
    channel = channel_at(adapter, adapter, base_url, groups=frozenset({adapter, "all"}))
    return replace(channel, credentials=tuple(_credentials(adapter, url)) or channel.credentials)


def _credentials(adapter: str, url: str) -> list[Credential]:
    if adapter == "jimeng":
        return [Credential("cred_jimeng", dict(_PAIR))]
    if adapter == "vertex":
        return [Credential("cred_vertex", {"service_account": service_account(f"{url}/token")})]
    if adapter == "gemini":
        return [Credential(f"cred_gemini_{key}", {"api_key": key}) for key in ("test-key", "second-key")]
    if adapter == "kling":
        return [Credential("cred_kling_key", {"api_key": "test-key"}), Credential("cred_kling_pair", dict(_PAIR))]
    return []


async def _file(request: Request) -> Response:
    mime, data = FILES[request.path_params["name"]]
    return Response(data, media_type=mime)


def carried(site: Site, body: object, name: str) -> int:
    """How often this medium stands in a vendor's body: as a link, as base64 or data URI, or as an uploaded part."""
    text = json.dumps(body, default=_as_text)
    data = FILES[name][1] if name in FILES else b"?"
    return text.count(f'"{site.link(name)}"') + text.count(base64.b64encode(data).decode())


def _as_text(value: object) -> str:
    return base64.b64encode(value.data).decode() if isinstance(value, File) else str(value)


def media_of(inputs: Mapping[str, str]) -> Counter[str]:
    """The files that these fields name."""
    return Counter(inputs.values())

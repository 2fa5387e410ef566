"""What a client asks of a picture, every vendor that paints gives: in the form that was asked for, and as often."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.adapters.registry import adapters, catalogue
from tests.fakes.openai_images import FakeImages
from tests.gateways import stored
from tests.integration.gates import SANDBOX, Gate, channel_at, error_of, gate_on, picture_size
from tests.integration.seed_models import PUBLIC, Counted, site_on
from tests.servers import serve

pytestmark = pytest.mark.anyio

MODELS = {
    "ark": "doubao-seedream-4-5-251128",
    "azure": "gpt-image-1.5",
    "byteplus": "doubao-seedream-4-5-251128",
    "dashscope": "wan2.2-t2i-flash",
    "gemini": "gemini-3-pro-image",
    "jimeng": "jimeng_t2i_v40",
    "kling": "kling-v2",
    "minimax": "image-01",
    "newapi": "a-relays-model",
    "openai": "gpt-image-1.5",
    "sandbox": "sandbox-image",
    "vertex": "gemini-3-pro-image",
    "vidu": "viduq2-image",
    "xai": "grok-imagine-image",
}
PAINTERS = pytest.mark.parametrize("adapter", MODELS)


@dataclass(slots=True)
class Studio:
    """A gateway, a client whose key leads to one vendor alone, and how much was posted to that vendor."""

    gate: Gate
    http: httpx.AsyncClient
    door: Counted | None

    async def begun(self) -> tuple[int, int]:
        """How many jobs there are, and how many creates have arrived at the vendor."""
        return len(await stored(self.gate.gateway)), self.door.posts if self.door else 0

    async def asked(self, **body: Any) -> httpx.Response:
        """The answer to a request for pictures; the vendor is asked without the usual pauses."""
        asked = asyncio.create_task(self.http.post("/v1/images/generations", json={"prompt": "a kite", **body}))
        while not (await asyncio.wait({asked}, timeout=0.03))[0]:
            await self.gate.hurry()
        return await asked

    async def picture(self, entry: dict[str, Any]) -> bytes:
        """The bytes of one entry of an answer, wherever they are."""
        if "b64_json" in entry:
            return base64.b64decode(entry["b64_json"], validate=True)
        return (await self.gate.browser.get(entry["url"].replace(PUBLIC, self.gate.url))).content


@pytest.fixture(scope="module")
async def studios(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Studio]]:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(site_on(tmp_path_factory.mktemp("vendors")))
        found = {name: Studio(site.gate, site.clients[name], site.doors[name]) for name in MODELS if name in site.clients}
        images = Counted(FakeImages().app)
        openai = channel_at("openai", "openai", await stack.enter_async_context(serve(images)))
        for name, channel, door in (("openai", openai, images), ("sandbox", SANDBOX, None)):
            gate = await stack.enter_async_context(gate_on(tmp_path_factory.mktemp(name), channel, public_url=PUBLIC))
            found[name] = Studio(gate, gate.http, door)
        yield found


def test_every_adapter_that_paints_is_among_them() -> None:
    paints = {name for name in adapters() if any(card.capabilities.op == "image" for card in catalogue(name).cards)}
    assert paints <= MODELS.keys()


@PAINTERS
@pytest.mark.parametrize("wanted", ["url", "b64_json"])
async def test_response_format_honoured_for_every_vendor(studios: dict[str, Studio], adapter: str, wanted: str) -> None:
    answer = await studios[adapter].asked(model=MODELS[adapter], response_format=wanted)

    assert answer.status_code == 200, answer.text
    (entry,) = answer.json()["data"]
    assert {"url", "b64_json"} & entry.keys() == {wanted}
    assert entry[wanted].startswith(f"{PUBLIC}/files/") is (wanted == "url")
    assert min(picture_size(await studios[adapter].picture(entry))[1]) > 0


@PAINTERS
async def test_n_greater_than_one_or_clear_400(studios: dict[str, Studio], adapter: str) -> None:
    studio = studios[adapter]
    several = await studio.asked(model=MODELS[adapter], n=3)
    assert several.status_code == 200, several.text
    pictures = [await studio.picture(entry) for entry in several.json()["data"]]
    assert [min(picture_size(picture)[1]) > 0 for picture in pictures] == [True] * 3
    before = await studio.begun()
    for count in (0, 11, "many", 2.5):
        refused = await studio.asked(model=MODELS[adapter], n=count)
        assert error_of(refused, 400)["param"] == "n"
    assert await studio.begun() == before

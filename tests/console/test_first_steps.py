"""The first run: each step knows by itself whether it is done."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.console.first_steps import video_model
from app.engine.changes import changing
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.first_run import FIRST_KEY
from app.store import keys as key_store
from app.store import settings as setting_store
from app.store.keys import hash_key
from tests.api.conftest import SANDBOX, Site, site_on
from tests.console.conftest import ADMIN, Rooms
from tests.gateways import CHANNEL, KEY, another, ended

pytestmark = pytest.mark.anyio
FIRST = replace(KEY, name=FIRST_KEY)


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Rooms]:
    """A gateway as its first start leaves it: the sandbox and one key."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(site_on(tmp_path, channels=(SANDBOX,), keys=(FIRST,)))
        async with changing(site.gateway.database) as connection:
            await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(ADMIN))
        await site.gateway.configuration.refresh()
        transport = httpx.ASGITransport(site.app)
        operator = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://gate.test"))
        signed_in = await operator.post("/console/sign-in", data={"key": ADMIN})
        assert signed_in.status_code == 303, signed_in.text
        yield Rooms(site, operator, operator, operator)


async def told(rooms: Rooms) -> tuple[list[int], int | None]:
    """Which steps the page shows as done, and which as next."""
    page = (await rooms.operator.get("/console/start")).text
    steps = re.findall(r'<li class="card first-step( done| next)?"[^>]*id="step-(\d)"', page)
    following = [int(place) for state, place in steps if state == " next"]
    assert len(steps) == 5
    return [int(place) for state, place in steps if state == " done"], following[0] if following else None


async def administered(rooms: Rooms, path: str, body: object = None) -> dict[str, object]:
    """What the admin API answers to the operator's page."""
    word = re.search(r'name="csrf" content="(\w+)"', (await rooms.operator.get("/console/start")).text)
    assert word is not None
    answer = await rooms.operator.post(path, json=body, headers={"x-filmgate-csrf": word[1]})
    assert answer.is_success, answer.text
    found: dict[str, object] = answer.json()
    return found


async def completed(site: Site, model: str) -> None:
    """A video is made of this model."""
    site.studio.status, site.studio.progress = "queued", 0
    job = await site.created(model=model)
    site.studio.status = "completed"
    await ended(site.gateway, job["id"])


async def test_a_fresh_gateway_begins_with_the_sandbox(fresh: Rooms) -> None:
    page = await fresh.operator.get("/console/start")
    assert await told(fresh) == ([], 1)
    assert 'href="/console/playground?model=sandbox-video"' in page.text
    assert "base_url=&#34;http://gate.test/v1&#34;" in page.text


async def test_the_steps_are_done_one_after_the_other(fresh: Rooms) -> None:
    await completed(fresh.site, "sandbox-video")
    assert await told(fresh) == ([1], 2)
    vendor = {"name": "mine", "adapter": "openai", "base_url": CHANNEL.base_url, "credentials": [{"api_key": "secret-enough"}]}
    made = await administered(fresh, "/admin/channels", vendor)
    assert await told(fresh) == ([1, 2], 3)
    await administered(fresh, f"/admin/channels/{made['id']}/test")
    assert await told(fresh) == ([1, 2, 3], 4)
    await administered(fresh, "/admin/keys", {"name": "app"})
    assert await told(fresh) == ([1, 2, 3, 4], 5)
    await completed(fresh.site, "some-video-model")
    assert await told(fresh) == ([1, 2, 3, 4, 5], None)
    assert "this gateway makes videos" in (await fresh.operator.get("/console/start")).text


async def test_a_failed_test_is_no_test(rooms: Rooms) -> None:
    rooms.site.vendor.script = lambda request: httpx.Response(401, json={"error": {"message": "no"}})
    await administered(rooms, "/admin/channels/channel_1/test")
    assert 3 not in (await told(rooms))[0]


async def test_a_key_that_was_taken_back_is_none(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    extra = replace(KEY, id="key_3", name="extra", hash=hash_key("sk-3"))
    assert 4 in (await told(rooms))[0]
    async with changing(gateway.database) as connection:
        await key_store.insert_one(connection, replace(extra, enabled=False))
        for id in ("key_1", "key_2"):
            await key_store.delete_one(connection, id)
    assert 4 not in (await told(rooms))[0]


async def test_the_page_speaks_chinese(rooms: Rooms) -> None:
    page = await rooms.operator.get("/console/start", headers={"accept-language": "zh-CN"})
    assert "<h1>入门</h1>" in page.text
    assert "生成第一段视频" in page.text


def test_the_example_names_a_video_model_of_the_channel() -> None:
    ark = another("ark", adapter="ark")
    assert video_model(ark).startswith("doubao-seedance")
    mapped = {"still": "doubao-seedream-4-0-250828", "film": "doubao-seedance-1-0-pro-250528"}
    assert video_model(replace(ark, models=mapped)) == "film"
    assert video_model(another("relay", adapter="newapi")) == "your-model"

"""Vendors' callbacks: only a hint to ask now; a forged or replayed one changes nothing."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import site_on
from tests.gateways import Answer, another, answer

pytestmark = pytest.mark.anyio

ARK = another("ark", adapter="ark", models={"m": "doubao-seedance-2-0-260128"})
PUBLIC = "https://gate.example.com"
BODY = {"model": "m", "prompt": "a paper boat"}


class Tasks:
    """An Ark whose task is as far as `status` says."""

    status = "running"

    def __call__(self, request: httpx.Request) -> Answer:
        if request.method == "POST":
            return answer({"id": "cgt-1"})
        return answer({"id": "cgt-1", "status": self.status, "content": {"video_url": "https://media.example.com/a.mp4"}})


async def test_a_vendor_that_calls_back_is_asked_at_once(tmp_path: Path) -> None:
    tasks = Tasks()
    async with site_on(tmp_path, tasks, channels=(ARK,), public_url=PUBLIC) as site:
        job = (await site.client.post("/v1/videos", json=BODY)).json()
        path = site.vendor.bodies[0]["callback_url"].removeprefix(PUBLIC)
        assert path.startswith("/callbacks/")
        tasks.status = "succeeded"
        stopped = site.gateway.poller.seconds()
        site.gateway.poller.seconds = lambda: stopped  # no turn comes by itself any more
        changed = asyncio.create_task(site.gateway.watching.changed(job["id"], 10.0))
        await asyncio.sleep(0)
        told = await site.client.post(path, json={"id": "cgt-1", "status": "failed"}, headers={"authorization": ""})
        assert told.status_code == 200
        found = await changed
        assert found is not None
        assert found.status == "completed"
        assert (await site.client.post(path, json={"status": "failed"})).status_code == 200
        assert (await site.client.get(f"/v1/videos/{job['id']}")).json()["status"] == "completed"


async def test_a_forged_callback_is_unknown_and_asks_nothing(tmp_path: Path) -> None:
    async with site_on(tmp_path, Tasks(), channels=(ARK,), public_url=PUBLIC) as site:
        await site.client.post("/v1/videos", json=BODY)
        path = site.vendor.bodies[0]["callback_url"].removeprefix(PUBLIC)
        asked = len(site.vendor.requests)
        for forged in ("/callbacks/x", path[:-3] + "abc", path.replace("callbacks", "files")):
            assert (await site.client.post(forged, json={"status": "succeeded"})).status_code in (404, 405)
        assert len(site.vendor.requests) == asked


async def test_without_a_public_address_no_callback_is_ordered(tmp_path: Path) -> None:
    async with site_on(tmp_path, Tasks(), channels=(ARK,)) as site:
        await site.client.post("/v1/videos", json={**BODY, "callback_url": "https://client.example.com/hook"})
        assert "callback_url" not in site.vendor.bodies[0]

"""A shutdown cuts no request: what was sent gets its answer, the leases go back, and the next process goes on at once."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.domain.jobs import JobStatus
from app.store import leases as lease_store
from tests.databases import fresh_database
from tests.fakes.counting import CountingVendor
from tests.gateways import CHANNEL, KEY_TEXT
from tests.hostile.processes import MODEL, GatewayProcess, all_ended, jobs_in, opened, prepare, processes, until
from tests.servers import serve

pytestmark = pytest.mark.anyio

_HEADERS = {"authorization": f"Bearer {KEY_TEXT}"}
_LONGER_THAN_THE_TEST = 100  # seconds
_PROMPT = 15.0  # seconds for a process to end that waits for nobody, on a busy machine


async def test_who_only_listens_is_sent_away_at_once_and_goes_on_at_the_next_process(tmp_path: Path) -> None:
    vendor = CountingVendor(polls_to_end=1_000)
    with fresh_database("sqlite", tmp_path) as url:
        async with serve(vendor) as vendor_url:
            await prepare(url, [replace(CHANNEL, base_url=vendor_url)])
            gateway = GatewayProcess(tmp_path, url, {"DRAIN_SECONDS": str(_LONGER_THAN_THE_TEST)})
            async with processes(gateway), httpx.AsyncClient(headers=_HEADERS, timeout=_LONGER_THAN_THE_TEST) as client:
                made = await client.post(f"{gateway.url}/v1/videos", json={"model": MODEL, "prompt": "long"})
                video = f"/v1/videos/{made.json()['id']}"
                await until(lambda: _under_way(client, gateway.url + video))
                async with client.stream("GET", f"{gateway.url}{video}/events") as stream:
                    frames = stream.aiter_text()
                    first = await anext(frames)
                    waits = [asyncio.create_task(ask(client, gateway.url, video)) for ask in (_polled, _looked)]
                    await asyncio.sleep(0.5)  # they must be there before the signal
                    assert not any(wait.done() for wait in waits)
                    async with asyncio.timeout(_PROMPT):
                        await gateway.stop()
                        rest = [frame async for frame in frames if not frame.startswith(":")]
                        shown = await asyncio.gather(*waits)
                vendor.polls_to_end = 1
                await gateway.start()
                seen = {"last-event-id": first.partition("\n")[0].removeprefix("id: ")}
                last = (await client.get(f"{gateway.url}{video}/events", headers=seen)).text
    assert rest == []
    assert shown == ["in_progress", "in_progress"]
    assert [line for line in last.splitlines() if line.startswith("event:")] == ["event: video.completed"]


async def test_a_create_that_is_under_way_is_answered_before_the_process_ends(tmp_path: Path) -> None:
    vendor = CountingVendor(polls_to_end=1_000)
    with fresh_database("sqlite", tmp_path) as url:
        async with serve(vendor) as vendor_url:
            await prepare(url, [replace(CHANNEL, base_url=vendor_url)])
            gateway = GatewayProcess(tmp_path, url, {"DRAIN_SECONDS": "20"})
            async with processes(gateway), opened(url) as database, httpx.AsyncClient(timeout=30) as client:
                held = vendor.hold("create", "slow")
                body = {"model": MODEL, "prompt": "slow"}
                create = asyncio.create_task(client.post(f"{gateway.url}/v1/videos", json=body, headers=_HEADERS))
                await held.reached.wait()
                stopping = asyncio.create_task(gateway.stop())
                await asyncio.sleep(0.3)  # the signal must be there before the vendor answers
                held.released.set()
                answer = await create
                await stopping
                (job,) = await jobs_in(database)
                async with database.read() as connection:
                    owner = await lease_store.owner_of(connection, job.id)
                assert (answer.status_code, answer.json()["id"]) == (200, job.id)
                assert (job.upstream_id, owner) == ("video_0", None)
                vendor.polls_to_end = 1
                await gateway.start()
                (ended,) = await all_ended(database)
    assert ended.status is JobStatus.COMPLETED
    assert vendor.creates == ["slow"]


async def _under_way(client: httpx.AsyncClient, url: str) -> bool:
    return bool((await client.get(url)).json()["status"] == "in_progress")


async def _polled(client: httpx.AsyncClient, url: str, video: str) -> str:
    """The status that a long poll ends with."""
    return str((await client.get(f"{url}{video}?wait=60")).json()["status"])


async def _looked(client: httpx.AsyncClient, url: str, video: str) -> str:
    """The status that an agent is told."""
    arguments = {"id": video.rpartition("/")[2], "wait_seconds": 60}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "look_at_job", "arguments": arguments}}
    accept = {"accept": "application/json, text/event-stream"}
    answer = await client.post(f"{url}/mcp", json=call, headers=accept)
    told = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    return str(told[-1]["result"]["structuredContent"]["status"])

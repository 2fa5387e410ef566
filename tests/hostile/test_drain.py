"""A shutdown cuts no request: what was sent gets its answer, the leases go back, and the next process goes on at once."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.domain.jobs import JobStatus
from app.store import leases as lease_store
from tests.databases import fresh_database
from tests.fakes.counting import CountingVendor
from tests.gateways import CHANNEL, KEY_TEXT
from tests.hostile.processes import MODEL, GatewayProcess, all_ended, jobs_in, opened, prepare, processes
from tests.servers import serve

pytestmark = pytest.mark.anyio

_HEADERS = {"authorization": f"Bearer {KEY_TEXT}"}


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

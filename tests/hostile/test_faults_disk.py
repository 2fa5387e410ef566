"""The disk is full for a while: what cannot be written down is not sent, what was sent is written once there is room again."""

import asyncio
import base64
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.domain.jobs import JobStatus
from tests.databases import fresh_database
from tests.fakes.counting import CountingVendor
from tests.gateways import CHANNEL, KEY_TEXT
from tests.hostile.processes import MODEL, GatewayProcess, all_ended, jobs_in, opened, prepare, processes
from tests.servers import Receive, Scope, Send, serve

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="limits the file size of another process, which only Linux lets us"),
]

_HEADERS = {"authorization": f"Bearer {KEY_TEXT}"}
_PICTURE = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000_000)


@contextmanager
def full_disk(gateway: GatewayProcess, most: int = 0) -> Iterator[None]:
    """No file of this process can grow past so many bytes; a write beyond fails as it does on a full disk."""
    process = gateway._process
    assert process is not None
    usual = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, usual)


async def post(client: httpx.AsyncClient, gateway: GatewayProcess, prompt: str) -> httpx.Response:
    body = {"model": MODEL, "prompt": prompt, "seconds": "5"}
    return await client.post(f"{gateway.url}/v1/videos", json=body, headers=_HEADERS)


async def test_a_full_disk_sends_nothing_new_and_loses_nothing_sent(tmp_path: Path) -> None:
    vendor = CountingVendor()
    with fresh_database("sqlite", tmp_path) as url:
        async with serve(vendor) as vendor_url:
            await prepare(url, [replace(CHANNEL, base_url=vendor_url)])
            gateway = GatewayProcess(tmp_path, url)
            async with processes(gateway), opened(url) as database, httpx.AsyncClient(timeout=40) as client:
                accepting, polling = vendor.hold("create", "accepted"), vendor.hold("status", "polled")
                assert (await post(client, gateway, "polled")).status_code == 200
                answer = asyncio.create_task(post(client, gateway, "accepted"))
                await accepting.reached.wait()
                await polling.reached.wait()
                with full_disk(gateway):
                    for hold in (accepting, polling):
                        hold.released.set()
                    refused = await post(client, gateway, "not written down")
                    await asyncio.sleep(0.3)  # the vendor's answers meet the full disk
                    assert not answer.done()
                    assert [job.status.final for job in await jobs_in(database)] == [False, False]
                assert (await answer).status_code == 200
                assert (await post(client, gateway, "afterwards")).status_code == 200
                jobs = await all_ended(database)
    assert refused.status_code >= 500
    assert vendor.creates == ["polled", "accepted", "afterwards"]
    assert {job.asked.prompt: job.status for job in jobs} == dict.fromkeys(vendor.creates, JobStatus.COMPLETED)


async def test_a_picture_that_finds_no_room_is_kept_once_there_is_some(tmp_path: Path) -> None:
    answered, drawn = asyncio.Event(), 0

    async def vendor(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal drawn
        drawn += 1
        raw = b'{"created": 1, "data": [{"b64_json": "%s"}]}' % base64.b64encode(_PICTURE)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": raw})
        answered.set()

    with fresh_database("sqlite", tmp_path) as url:
        async with serve(vendor) as vendor_url:
            await prepare(url, [replace(CHANNEL, base_url=vendor_url)])
            gateway = GatewayProcess(tmp_path, url)
            async with processes(gateway), opened(url) as database, httpx.AsyncClient(timeout=40, headers=_HEADERS) as client:
                with full_disk(gateway, 2_000_000):  # room for the database, not for the picture
                    body = {"model": "boat-picture", "prompt": "boat", "response_format": "b64_json"}
                    answer = asyncio.create_task(client.post(f"{gateway.url}/v1/images/generations", json=body))
                    await answered.wait()
                    await asyncio.sleep(0.3)  # the picture meets the full disk
                    assert not answer.done()
                picture = (await answer).json()["data"][0]["b64_json"]
                (job,) = await jobs_in(database)
    assert base64.b64decode(picture) == _PICTURE
    assert (job.status, drawn) == (JobStatus.COMPLETED, 1)
    files = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert [path.read_bytes() == _PICTURE for path in files] == [True]

"""A request that is repeated at another process, or after a crash, is made and paid once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text, update

from app.engine.changes import changing
from app.store.database import Database
from app.store.tables import keys
from tests.databases import KINDS, fresh_database
from tests.fakes.counting import CountingVendor
from tests.gateways import CHANNEL, KEY_TEXT
from tests.hostile.processes import MODEL, PATIENCE, GatewayProcess, jobs_in, opened, prepare, processes
from tests.servers import serve

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", KINDS)]

BODY = {"model": MODEL, "prompt": "a paper boat", "seconds": "5"}
NAMED = {"Idempotency-Key": "order-1"}


@dataclass
class Pair:
    """Two gateway processes on one database, the vendor of both, and a client."""

    gateways: tuple[GatewayProcess, GatewayProcess]
    vendor: CountingVendor
    database: Database
    client: httpx.AsyncClient

    async def post(self, which: int, headers: dict[str, str], **fields: str) -> httpx.Response:
        """A create at one of the two."""
        return await self.client.post(f"{self.gateways[which].url}/v1/videos", json={**BODY, **fields}, headers=headers)


@asynccontextmanager
async def pair_on(kind: str, folder: Path, *, budget: int | None = None) -> AsyncIterator[Pair]:
    """The pair, started; every job costs 0.25 USD, and the key may spend `budget` micro-dollars."""
    vendor = CountingVendor(polls_to_end=10_000)
    shown = {"authorization": f"Bearer {KEY_TEXT}"}
    with fresh_database(kind, folder) as url:
        async with serve(vendor) as vendor_url, opened(url) as database:
            prices = {MODEL: {"unit": "job", "usd": "0.25"}}
            await prepare(url, [replace(CHANNEL, base_url=vendor_url, models={MODEL: MODEL}, prices=prices)])
            async with changing(database) as connection:
                await connection.execute(update(keys).values(budget=budget))
            gateways = (GatewayProcess(folder, url), GatewayProcess(folder, url))
            async with processes(*gateways), httpx.AsyncClient(timeout=PATIENCE, headers=shown, limits=_MANY) as client:
                yield Pair(gateways, vendor, database, client)


_MANY = httpx.Limits(max_connections=200)


async def test_100_equal_requests_at_two_processes_make_one_job(kind: str, tmp_path: Path) -> None:
    """The budget is enough for one job: who comes too late for it gets its answer, and no refusal."""
    async with pair_on(kind, tmp_path, budget=300_000) as pair:
        posts = [pair.post(number % 2, NAMED, external_task_id="mine") for number in range(100)]
        answers = await asyncio.gather(*posts)
        other = [await pair.post(which, NAMED, prompt="another") for which in (0, 1)]
        jobs = await jobs_in(pair.database)
    assert {one.status_code for one in answers} == {200}, {one.text for one in answers}
    assert len({one.content for one in answers}) == 1
    assert sum("idempotent-replayed" in one.headers for one in answers) == 99
    assert len(pair.vendor.creates) == len(jobs) == 1
    assert [one.json()["code"] for one in other] == ["idempotency_key_reused"] * 2


async def test_an_sdks_retry_at_the_other_process_waits_for_the_first_try(kind: str, tmp_path: Path) -> None:
    async with pair_on(kind, tmp_path) as pair:
        accepting = pair.vendor.hold("create", "a paper boat")
        first = asyncio.create_task(pair.post(0, {"x-stainless-retry-count": "0"}))
        await asyncio.wait_for(accepting.reached.wait(), PATIENCE)
        again = asyncio.create_task(pair.post(1, {"x-stainless-retry-count": "1"}))
        await asyncio.wait({again}, timeout=0.3)
        accepting.released.set()
        told = [(await one).json()["id"] for one in (first, again)]
    assert told[0] == told[1]
    assert len(pair.vendor.creates) == 1


async def test_a_retry_after_a_crash_between_call_and_answer_never_sends_again(kind: str, tmp_path: Path) -> None:
    """The vendor has accepted, and nobody was told: the retry hears that the outcome is open, with the job's id."""
    tries = {"by key": NAMED, "by the SDK": {"x-stainless-retry-count": "1"}}
    async with pair_on(kind, tmp_path) as pair:
        accepting = [pair.vendor.hold("create", prompt) for prompt in tries]
        first = [asyncio.create_task(pair.post(0, headers, prompt=prompt)) for prompt, headers in tries.items()]
        for hold in accepting:
            await asyncio.wait_for(hold.reached.wait(), PATIENCE)
        jobs = {job.asked.prompt: job.id for job in await jobs_in(pair.database)}
        again = [asyncio.create_task(pair.post(1, headers, prompt=prompt)) for prompt, headers in tries.items()]
        await pair.gateways[0].kill()
        for hold in accepting:
            hold.released.set()
        lost = await asyncio.gather(*first, return_exceptions=True)
        told = await asyncio.gather(*again)
        third = [await pair.post(1, headers, prompt=prompt) for prompt, headers in tries.items()]
    assert [isinstance(one, httpx.TransportError) for one in lost] == [True, True]
    assert [one.json()["id"] for one in told] == [one.json()["id"] for one in third] == [jobs[prompt] for prompt in tries]
    assert {one.json()["code"] for one in told} == {"upstream_outcome_unknown"}
    assert {one.headers["x-should-retry"] for one in told} == {"false"}
    assert sorted(pair.vendor.creates) == sorted(tries)


async def test_a_retry_after_a_crash_before_the_answer_gets_the_job(kind: str, tmp_path: Path) -> None:
    """The acceptance is written and the answer is not, which is what a crash between the two leaves."""
    async with pair_on(kind, tmp_path) as pair:
        first = await pair.post(0, NAMED)
        await pair.gateways[0].kill()
        async with pair.database.write() as connection:
            await connection.execute(text("UPDATE replays SET status = NULL, headers = NULL, body = NULL"))
        again, third = await pair.post(1, NAMED), await pair.post(1, NAMED)
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert third.content == again.content
    assert len(pair.vendor.creates) == 1

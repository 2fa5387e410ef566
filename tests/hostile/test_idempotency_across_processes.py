"""A request that is repeated at another process, or after a crash, is made and paid once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
from sqlalchemy import text

from app.engine.changes import changing
from app.store import keys as key_store
from app.store.database import Database
from app.store.keys import hash_key
from tests.databases import KINDS, fresh_database
from tests.fakes.counting import CountingVendor
from tests.gateways import CHANNEL, KEY, KEY_TEXT
from tests.hostile.processes import MODEL, PATIENCE, GatewayProcess, jobs_in, opened, prepare, processes
from tests.servers import serve

pytestmark = pytest.mark.anyio

BODY = {"model": MODEL, "seconds": "5"}
THRIFTY_TEXT = "sk-thrifty"
THRIFTY = replace(KEY, id="key_thrifty", name="thrifty", hash=hash_key(THRIFTY_TEXT), budget=300_000)
_MANY = httpx.Limits(max_connections=200)


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

    def creates(self, *prompts: str) -> list[str]:
        """The prompts of the creates that arrived, of these alone."""
        return sorted(prompt for prompt in self.vendor.creates if prompt in prompts)

    async def jobs(self, *prompts: str) -> dict[str, str]:
        """The job of each of these prompts, which has one at most."""
        found = [(job.asked.prompt, job.id) for job in await jobs_in(self.database) if job.asked.prompt in prompts]
        assert len(dict(found)) == len(found)
        return dict(found)


@pytest.fixture(scope="module", params=KINDS)
async def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """The pair, started; every job costs 0.25 USD."""
    vendor, folder = CountingVendor(polls_to_end=10_000), tmp_path_factory.mktemp("pair")
    shown = {"authorization": f"Bearer {KEY_TEXT}"}
    with fresh_database(request.param, folder) as url:
        async with serve(vendor) as vendor_url, opened(url) as database:
            prices = {MODEL: {"unit": "job", "usd": "0.25"}}
            await prepare(url, [replace(CHANNEL, base_url=vendor_url, models={MODEL: MODEL}, prices=prices)])
            async with changing(database) as connection:
                await key_store.insert_one(connection, THRIFTY)
            gateways = (GatewayProcess(folder, url), GatewayProcess(folder, url))
            async with processes(*gateways), httpx.AsyncClient(timeout=PATIENCE, headers=shown, limits=_MANY) as client:
                yield Pair(gateways, vendor, database, client)


@pytest.fixture
async def pair(started: Pair) -> Pair:
    """Both processes running, whatever the test before did to them; each test has prompts and names of its own."""
    await asyncio.gather(*(gateway.start() for gateway in started.gateways if not gateway.running))
    return started


async def test_100_equal_requests_at_two_processes_make_one_job(pair: Pair) -> None:
    """The budget is enough for one job: who comes too late for it gets its answer, and no refusal."""
    named = {"Idempotency-Key": "order-1", "authorization": f"Bearer {THRIFTY_TEXT}"}
    posts = [pair.post(number % 2, named, prompt="a boat of a hundred", external_task_id="mine") for number in range(100)]
    answers = await asyncio.gather(*posts)
    other = [await pair.post(which, named, prompt="another boat of a hundred") for which in (0, 1)]
    jobs = await pair.jobs("a boat of a hundred", "another boat of a hundred")
    assert {one.status_code for one in answers} == {200}, {one.text for one in answers}
    assert len({one.content for one in answers}) == 1
    assert sum("idempotent-replayed" in one.headers for one in answers) == 99
    assert pair.creates("a boat of a hundred", "another boat of a hundred") == list(jobs) == ["a boat of a hundred"]
    assert [one.json()["code"] for one in other] == ["idempotency_key_reused"] * 2


async def test_an_sdks_retry_at_the_other_process_waits_for_the_first_try(pair: Pair) -> None:
    accepting = pair.vendor.hold("create", "a slow boat")
    first = asyncio.create_task(pair.post(0, {"x-stainless-retry-count": "0"}, prompt="a slow boat"))
    await asyncio.wait_for(accepting.reached.wait(), PATIENCE)
    again = asyncio.create_task(pair.post(1, {"x-stainless-retry-count": "1"}, prompt="a slow boat"))
    await asyncio.wait({again}, timeout=0.3)
    accepting.released.set()
    told = [(await one).json()["id"] for one in (first, again)]
    assert told[0] == told[1]
    assert pair.creates("a slow boat") == ["a slow boat"]


async def test_a_retry_after_a_crash_between_call_and_answer_never_sends_again(pair: Pair) -> None:
    """The vendor has accepted, and nobody was told: the retry hears that the outcome is open, with the job's id."""
    tries = {"by key": {"Idempotency-Key": "order-2"}, "by the SDK": {"x-stainless-retry-count": "1"}}
    accepting = [pair.vendor.hold("create", prompt) for prompt in tries]
    first = [asyncio.create_task(pair.post(0, headers, prompt=prompt)) for prompt, headers in tries.items()]
    for hold in accepting:
        await asyncio.wait_for(hold.reached.wait(), PATIENCE)
    jobs = await pair.jobs(*tries)
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
    assert pair.creates(*tries) == sorted(tries)


async def test_a_retry_after_a_crash_before_the_answer_gets_the_job(pair: Pair) -> None:
    """The acceptance is written and the answer is not, which is what a crash between the two leaves."""
    named = {"Idempotency-Key": "order-3"}
    first = await pair.post(0, named, prompt="a boat without an answer")
    await pair.gateways[0].kill()
    async with pair.database.write() as connection:
        await connection.execute(text("UPDATE replays SET status = NULL, headers = NULL, body = NULL"))
    again, third = [await pair.post(1, named, prompt="a boat without an answer") for _ in range(2)]
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert third.content == again.content
    assert pair.creates("a boat without an answer") == ["a boat without an answer"]

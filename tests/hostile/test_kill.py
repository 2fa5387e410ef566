"""`kill -9` at every moment of a create: nothing is paid twice, nothing that a vendor accepted is forgotten, every job ends."""

import asyncio
import random
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from app.domain.channels import Channel
from app.domain.jobs import Job, JobStatus
from tests.databases import fresh_database
from tests.fakes.counting import CountingVendor, uneven
from tests.gateways import CHANNEL, KEY_TEXT
from tests.hostile.processes import MODEL, GatewayProcess, all_ended, jobs_in, opened, prepare, processes
from tests.servers import serve, serve_socket

pytestmark = pytest.mark.anyio

UNKNOWN, INTERRUPTED = "upstream_outcome_unknown", "interrupted"
_SEED = 20_261_120
_SLOWEST = 0.1  # seconds that the vendor takes for a create, at most
_KEY = {"authorization": f"Bearer {KEY_TEXT}"}
Moment = tuple[str, int]  # so many creates have "arrived" at the vendor, or were "answered" to their clients


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told about its create: a 200 with the id of a job, or nothing, because its gateway died."""

    prompt: str
    job_id: str | None


async def test_200_creates_and_six_kills_cost_no_job_twice_and_lose_none(tmp_path: Path) -> None:
    vendor, clients = CountingVendor(uneven(_SEED, _SLOWEST)), Clients()
    with fresh_database("sqlite", tmp_path) as url:
        async with serve(vendor) as vendor_url:
            await prepare(url, [_channel(vendor_url)])
            gateway = GatewayProcess(tmp_path, url)
            async with processes(gateway), opened(url) as database:
                for moment in _moments(_SEED, 6, 29):
                    await _kill_during(moment, vendor, clients, gateway, [gateway], 29)
                await clients.ask([gateway], [f"calm {number}" for number in range(26)])
                jobs = await all_ended(database)
                shown = await _shown(gateway, clients.told)
    assert len(clients.told) == 200
    _check(vendor, jobs, clients.told, shown)


async def test_of_two_processes_on_postgresql_one_may_die_at_any_time(tmp_path: Path) -> None:
    vendor, clients = CountingVendor(uneven(_SEED, _SLOWEST)), Clients()
    with fresh_database("postgresql", tmp_path) as url:
        async with serve(vendor) as vendor_url:
            await prepare(url, [_channel(vendor_url)])
            pair = [GatewayProcess(tmp_path, url), GatewayProcess(tmp_path, url)]
            async with processes(*pair), opened(url) as database:
                for number, moment in enumerate(_moments(_SEED + 1, 2, 30)):
                    await _kill_during(moment, vendor, clients, pair[number % 2], pair, 30)
                jobs = await all_ended(database)
                shown = await _shown(pair[1], clients.told)
    assert len(clients.told) == 60
    _check(vendor, jobs, clients.told, shown)


async def test_crash_after_accept_before_commit_is_recovered_or_flagged(tmp_path: Path) -> None:
    """One kill meets six creates, each at another point of its way."""
    vendor, clients = CountingVendor(), Clients()
    with fresh_database("sqlite", tmp_path) as url:
        async with serve(vendor) as vendor_url, _silent_tls() as (silent_url, connected):
            await prepare(url, [_channel(vendor_url), _channel(silent_url, "silent", "silent-model")])
            gateway = GatewayProcess(tmp_path, url, {"ALLOW_HOSTS": "127.0.0.1", "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"})
            async with processes(gateway), opened(url) as database:
                reading, answering = vendor.hold("file", "reference.png"), vendor.hold("create", "call received")
                deciding, polling = vendor.hold("create", "answer arrived"), vendor.hold("status", "being polled")
                waiting = [
                    asyncio.create_task(clients.ask([gateway], [prompt], **fields))
                    for prompt, fields in (
                        ("before the row", {"model": "sora-2", "image": f"{vendor_url}/files/reference.png"}),
                        ("row without call", {"model": "silent-model"}),
                        ("call received", {}),
                        ("answer arrived", {}),
                    )
                ]
                await clients.ask([gateway], ["after the commit", "being polled"])
                for point in (reading.reached, connected, answering.reached, deciding.reached, polling.reached):
                    await asyncio.wait_for(point.wait(), 10)
                before = {job.asked.prompt: job for job in await jobs_in(database)}
                with _nobody_writes(tmp_path / "filmgate.db"):
                    heard = len(gateway.lines)
                    deciding.released.set()
                    await gateway.says(re.compile(r"POST \S+/v1/videos -> 200"), since=heard)
                    await gateway.kill()
                for hold in (reading, answering, polling):
                    hold.released.set()
                await asyncio.gather(*waiting)
                await gateway.start()
                jobs = await all_ended(database)
                shown = await _shown(gateway, clients.told)
    assert before.keys() == {"row without call", "call received", "answer arrived", "after the commit", "being polled"}
    assert sorted(vendor.creates) == ["after the commit", "answer arrived", "being polled", "call received"]
    assert {job.asked.prompt: _outcome(job) for job in jobs} == {
        "row without call": UNKNOWN,
        "call received": UNKNOWN,
        "answer arrived": UNKNOWN,
        "after the commit": "completed",
        "being polled": "completed",
    }
    _check(vendor, jobs, clients.told, shown)


def _channel(url: str, name: str = "vendor", model: str = "") -> Channel:
    models = {model: model} if model else {MODEL: MODEL, "sora-2": "sora-2"}
    return replace(CHANNEL, id=f"channel_{name}", name=name, base_url=url, models=models)


def _moments(seed: int, count: int, creates: int) -> list[Moment]:
    """Random moments of a wave of creates, some early and some late on their way."""
    rng = random.Random(seed)
    return [(("arrived", "answered")[number % 2], rng.randint(1, creates - 3)) for number in range(count)]


async def _kill_during(
    moment: Moment,
    vendor: CountingVendor,
    clients: "Clients",
    victim: GatewayProcess,
    gateways: Sequence[GatewayProcess],
    creates: int,
) -> None:
    """Asks for this many jobs at once, kills one gateway at the moment, and starts it again at once."""
    what, count = moment
    name, arrived, answered = len(clients.told), len(vendor.creates), clients.answers
    asking = asyncio.create_task(clients.ask(gateways, [f"wave {name}, {number}" for number in range(creates)]))
    if what == "arrived":
        await asyncio.wait_for(vendor.received(arrived + count), 20)
    else:
        await asyncio.wait_for(clients.answered(answered + count), 20)
    await victim.kill()
    await victim.start()
    await asking


class Clients:
    """Everybody who asks for a video, and what they were told; nobody asks a second time."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.answers = 0
        self._news = asyncio.Condition()

    async def ask(self, gateways: Sequence[GatewayProcess], prompts: Sequence[str], **fields: str) -> None:
        """One create for each prompt, all at once, spread over the gateways."""
        async with httpx.AsyncClient(timeout=20, headers=_KEY) as client:
            urls = [gateways[number % len(gateways)].url for number in range(len(prompts))]
            await asyncio.gather(*(self._ask(client, url, prompt, fields) for url, prompt in zip(urls, prompts, strict=True)))

    async def answered(self, count: int) -> None:
        """Waits until this many creates were answered in all."""
        async with self._news:
            await self._news.wait_for(lambda: self.answers >= count)

    async def _ask(self, client: httpx.AsyncClient, url: str, prompt: str, fields: Mapping[str, str]) -> None:
        try:
            answer = await client.post(f"{url}/v1/videos", json={"model": MODEL, "prompt": prompt, "seconds": "5", **fields})
        except httpx.TransportError:
            self.told.append(Told(prompt, None))
            return
        assert answer.status_code == 200, answer.text
        async with self._news:
            self.told.append(Told(prompt, answer.json()["id"]))
            self.answers += 1
            self._news.notify_all()


async def _shown(gateway: GatewayProcess, told: Sequence[Told]) -> dict[str, str]:
    """Job id -> status, of every job that a client was told about."""
    async with httpx.AsyncClient(base_url=gateway.url, headers=_KEY) as client:
        answers = [await client.get(f"/v1/videos/{one.job_id}") for one in told if one.job_id]
    return {answer.json()["id"]: answer.json()["status"] for answer in answers if answer.status_code == 200}


def _check(vendor: CountingVendor, jobs: Sequence[Job], told: Sequence[Told], shown: Mapping[str, str]) -> None:
    twice = [prompt for prompt, count in Counter(vendor.creates).items() if count > 1]
    assert twice == []
    rows = {str(job.asked.prompt): job for job in jobs}
    assert len(rows) == len(jobs)
    outcomes = {prompt: _outcome(job) for prompt, job in rows.items()}
    assert set(outcomes.values()) <= {"completed", UNKNOWN, INTERRUPTED}
    # what a vendor accepted is never called "nothing was made", and never missing
    assert {prompt for prompt in vendor.creates if outcomes.get(prompt) not in ("completed", UNKNOWN)} == set()
    assert {prompt for prompt, outcome in outcomes.items() if outcome == "completed"} <= set(vendor.creates)
    promised = {one.job_id for one in told if one.job_id}
    assert shown == dict.fromkeys(promised, "completed")
    assert promised <= {job.id for job in jobs}


def _outcome(job: Job) -> str:
    if job.status is JobStatus.FAILED:
        return job.failure.code if job.failure else "failed without a reason"
    return job.status.value


@asynccontextmanager
async def _silent_tls() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A vendor that never finishes its TLS handshake, so that not a byte of a call can have left; tells when one tries."""
    connected = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        connected.set()
        await reader.read()

    async with serve_socket(listen) as url:
        yield url.replace("http://", "https://"), connected


@contextmanager
def _nobody_writes(path: Path) -> Iterator[None]:
    """Holds SQLite's write lock, as a slow writer in another process would."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()

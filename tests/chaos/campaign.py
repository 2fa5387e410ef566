"""One campaign: clients ask, gateways die at random moments, and in the end everything is let finish and looked at."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.channels import Channel
from app.store import jobs as job_store
from app.store import keys as key_store
from app.store.database import Database
from tests.chaos.clients import LIMITED, Clients
from tests.chaos.evidence import Evidence, stored_books, stored_jobs
from tests.chaos.fleet import Fleet, Place, fleet
from tests.chaos.vendor import MoodyVendor
from tests.gateways import CHANNEL
from tests.hostile.processes import MODEL, SECRET, opened, prepare
from tests.servers import serve

PRICE = 250_000  # micro-dollars of a job
SETTLING = 60.0  # seconds after the vendor's last job has ended, in which every job has to end
_PRICES = {MODEL: {"unit": "job", "usd": "0.25"}}
_LONGEST_START = 10.0  # seconds
_NEWS_EVERY = 100  # kills
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: how many kills (or how many minutes, whichever comes first), of how many processes, under how many clients."""

    kills: int
    seed: int
    minutes: float = 60.0
    processes: int = 2
    clients: int = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is to judge and to tell; times in seconds."""

    plan: Plan
    evidence: Evidence
    kills: int
    kills_at_start: int
    posts: int
    reads: int
    films: int
    broken: int
    refused: int
    under_fire: float
    settled: float


async def campaign(plan: Plan, database_url: str, folder: Path, say: Say) -> Outcome:
    """Runs it on this empty database; `folder` takes the gateways' files and their output."""
    rng = random.Random(plan.seed)
    vendor = MoodyVendor(random.Random(rng.random()))
    async with serve(vendor) as vendor_url:
        await prepare(database_url, _channels(vendor_url))
        async with fleet(folder, _settings(database_url, folder), plan.processes) as gateways, opened(database_url) as database:
            async with database.write() as connection:
                await key_store.insert_one(connection, LIMITED)
            clients = Clients(gateways.places, random.Random(rng.random()))
            began = time.monotonic()
            await _under_fire(plan, gateways, clients, rng, say)
            ceased = time.monotonic()
            say(f"{gateways.kills} kills done; {await _open(database)} jobs are open, waiting for their end")
            await _settle(database, vendor)
            settled = time.monotonic() - ceased
            await clients.look_at_all()
            await asyncio.gather(*(gateways.stop(place) for place in gateways.places))
            evidence = Evidence(
                made=tuple(vendor.made.values()),
                told=clients.told,
                jobs=await stored_jobs(database),
                books=await stored_books(database),
                odd=clients.odd,
                deaths=gateways.deaths,
            )
    return Outcome(
        plan=plan,
        evidence=evidence,
        kills=gateways.kills,
        kills_at_start=gateways.kills_at_start,
        posts=clients.posts,
        reads=clients.reads,
        films=clients.films,
        broken=clients.broken,
        refused=vendor.refused,
        under_fire=ceased - began,
        settled=settled,
    )


async def _under_fire(plan: Plan, gateways: Fleet, clients: Clients, rng: random.Random, say: Say) -> None:
    """Clients and killers together; afterwards every place has a gateway that nobody kills."""
    until = time.monotonic() + plan.minutes * 60
    asking = [asyncio.create_task(clients.run(number)) for number in range(plan.clients)]
    dice = [random.Random(rng.random()) for _ in gateways.places]
    killers = [_killer(plan, gateways, place, own, until, say) for place, own in zip(gateways.places, dice, strict=True)]
    await asyncio.gather(*killers)
    clients.stop()
    await asyncio.gather(*asking)


async def _killer(plan: Plan, gateways: Fleet, place: Place, rng: random.Random, until: float, say: Say) -> None:
    await gateways.start(place)
    while gateways.kills < plan.kills and time.monotonic() < until:
        await _life(place, rng)
        number = await gateways.kill(place)
        if number % _NEWS_EVERY == 0:
            say(f"{number} kills")
        await gateways.start(place)


async def _life(place: Place, rng: random.Random) -> None:
    """One life in four ends during the start; the others while the gateway works, mostly soon after its first answer."""
    if rng.random() < 0.25:
        await asyncio.sleep(rng.uniform(0.0, 0.6))
        return
    try:
        async with asyncio.timeout(_LONGEST_START):
            await place.heard.wait()
    except TimeoutError:
        return
    await asyncio.sleep(rng.uniform(0.0, 0.8) if rng.random() < 0.85 else rng.uniform(0.8, 3.0))


async def _settle(database: Database, vendor: MoodyVendor) -> None:
    """Waits until no job is open, as long as it may take."""
    ceased = time.monotonic()
    while time.monotonic() < max(vendor.last_end, ceased) + SETTLING and await _open(database):  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0.2)


async def _open(database: Database) -> int:
    async with database.read() as connection:
        return await job_store.open_count(connection)


def _channels(vendor_url: str) -> Sequence[Channel]:
    """Two ways to the one vendor, so that a refused create goes on to the other."""
    first = replace(CHANNEL, base_url=vendor_url, models={MODEL: MODEL}, prices=_PRICES)
    return first, replace(first, id="channel_2", name="another way", base_url=f"{vendor_url}/other", priority=-1)


def _settings(database_url: str, folder: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": SECRET,
        "ADMIN_KEY": "an admin key of the campaign",
        "LOG_LEVEL": "WARNING",
        "DRAIN_SECONDS": "5",
    }

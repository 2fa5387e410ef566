"""Several write the end of one job at once: one of them wins, and the money moves once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain.capabilities import Price
from app.domain.jobs import Failure, Job, Output, Snapshot, Stage, advance, fail
from app.domain.jobs import JobStatus as Status
from app.domain.prices import Terms
from app.engine.gateway import Gateway
from app.store import jobs as job_store
from app.store import ledger, tables
from app.store import workers as worker_store
from app.store.workers import Worker
from tests.api.conftest import Site, site_on
from tests.databases import database_url
from tests.domain.builders import NOW, job
from tests.gateways import CHANNEL, KEY, answer, gateway_on

__all__ = ["database_url"]
pytestmark = pytest.mark.anyio

_ROUNDS = 504  # on each of two databases
_HOLDER = "worker_that_lives"
_PRICE = 250_000  # micro-dollars
_JOBS = 12
PRICED = replace(CHANNEL, prices={"some-video-model": {"unit": "job", "usd": "0.25"}})


async def test_two_pollers_one_settlement(tmp_path: Path, database_url: str) -> None:
    async with (
        gateway_on(tmp_path / "one", lambda _: answer({}), database_url=database_url) as (one, _),
        gateway_on(tmp_path / "two", lambda _: answer({}), database_url=database_url) as (two, _),
    ):
        # both hold the lease, as they believe, so that nothing but the compare-and-set stands between them
        first, second = (replace(gateway.recorder, worker=_HOLDER) for gateway in (one, two))
        jobs = await _accepted(one)

        async def race(number: int) -> int:
            made = first.record(advance(jobs[number], _DONE, NOW))
            lost = second.record(fail(jobs[number], Failure("deadline_exceeded", "late"), NOW))
            told = await asyncio.gather(*((made, lost) if number % 2 else (lost, made)))
            return sum(job is not None for job in told)

        won = [n for start in range(0, _ROUNDS, 8) for n in await asyncio.gather(*map(race, range(start, start + 8)))]
        ended = [await one.job(begun.id, None) for begun in jobs]
        moved = [await _moves(one, begun.id) for begun in jobs]
        held, spent = await _account(one)
    completed = [job.status is Status.COMPLETED for job in ended]
    assert won == [1] * _ROUNDS
    assert moved == [_SETTLED if done else _REFUNDED for done in completed]
    assert {job.cost for job in ended} <= {_PRICE, 0}
    assert (held, spent) == (0, _PRICE * sum(completed))


async def test_get_and_poller_race_settles_exactly_once(tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=[PRICED]) as site:
        made = [(await site.created())["id"] for _ in range(_JOBS)]
        for job_id in made:
            site.gateway.poller.forget(job_id)  # so that nobody but a read could ask
        asked = len(site.vendor.requests)
        await asyncio.gather(*(_watched(site, job_id, 3) for job_id in made))
        assert len(site.vendor.requests) == asked  # no read asks a vendor, or writes what it says
        for job_id in made:
            site.gateway.poller.add(await site.gateway.job(job_id, None))
        site.studio.status = "completed"
        reading = [asyncio.create_task(_watched(site, job_id, 60)) for job_id in made for _ in range(3)]
        for job_id in made * 2:
            site.gateway.poller.hurry(job_id)
            await asyncio.sleep(0)  # lets the reads come between
        seen = await asyncio.gather(*reading)
        moved = [await _moves(site.gateway, job_id) for job_id in made]
        account = await _account(site.gateway)
    assert all(statuses[-1] == "completed" for statuses in seen)
    assert all(statuses == sorted(statuses, key="completed".__eq__) for statuses in seen)  # an end that was seen stays
    assert moved == [_SETTLED] * _JOBS
    assert account == (0, _PRICE * _JOBS)


_DONE = Snapshot(Status.COMPLETED, outputs=(Output(url="https://media.example.com/a.mp4"),))
_SETTLED = [("reserve", -_PRICE), ("settle", 0)]
_REFUNDED = [("reserve", -_PRICE), ("refund", _PRICE)]


async def _accepted(gateway: Gateway) -> list[Job]:
    """Jobs that a vendor has taken, with the money held for them."""
    terms = Terms(price=Price(unit="job", usd={"*": Decimal("0.25")}))
    begun = [
        job(id=f"task_{number}", key_id=KEY.id, stage=Stage.ACCEPTED, upstream_id="up", terms=terms, reserved=_PRICE)
        for number in range(_ROUNDS)
    ]
    begun = [replace(one, deadline_at=NOW + timedelta(days=9_999)) for one in begun]
    async with gateway.database.write() as connection:
        await worker_store.beat(connection, Worker(_HOLDER, "another machine", 1, NOW, datetime.now(UTC) + timedelta(days=1)))
        for one in begun:
            await job_store.insert(connection, one, owner=_HOLDER)
            await ledger.reserve(connection, one, NOW)
    return begun


async def _watched(site: Site, job_id: str, times: int) -> list[str]:
    """The statuses that a client sees which reads again and again, in both dialects, to the end of the job."""
    seen = []
    for number in range(times):
        path = "/v1/videos" if number % 2 else "/v1/video/generations"
        seen.append((await site.client.get(f"{path}/{job_id}")).json()["status"])
        if seen[-1] == "completed" and seen.count("completed") > 2:
            break
    return seen


async def _moves(gateway: Gateway, job_id: str) -> list[tuple[str, int]]:
    async with gateway.database.read() as connection:
        return [(line.kind, line.micros) for line in await ledger.of_job(connection, job_id)]


async def _account(gateway: Gateway) -> tuple[int, int]:
    """What is held and what was spent, of all keys and days."""
    async with gateway.database.read() as connection:
        rows = (await connection.execute(select(tables.accounts))).all()
    return sum(row.reserved for row in rows), sum(row.spent for row in rows)

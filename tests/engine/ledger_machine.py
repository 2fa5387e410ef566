"""A gateway whose vendor, clock and crashes a test steers step by step, and the sums that must be right after each step."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import select, text

from app.domain.errors import GatewayError
from app.domain.jobs import Job, JobStatus, Stage
from app.engine.gateway import Gateway
from app.store import jobs as job_store
from app.store import tables
from tests.domain.builders import video
from tests.gateways import CHANNEL, KEY, Answer, answer, gateway_on, stored, wish

BUDGET = 2_000_000
PRICE = 250_000
_Result = TypeVar("_Result")
LIMITED = replace(KEY, budget=BUDGET, max_concurrency=4)
ARK = replace(
    CHANNEL,
    adapter="ark",
    base_url="https://ark.example.com/api/v3",
    models={"m": "doubao-seedance-1-5-pro-251215"},
    prices={"m": {"unit": "job", "usd": "0.25"}},
)
CREATES: dict[str, Callable[[], Answer]] = {
    "refused": lambda: answer({"error": {"code": "InvalidParameter", "message": "no"}}, 400),
    "moderated": lambda: answer({"error": {"code": "InputTextSensitiveContentDetected", "message": "no"}}, 400),
    "busy": lambda: answer({"error": {"code": "RateLimitExceeded", "message": "slow down"}}, 429),
    "never sent": lambda: httpx.ConnectError("refused"),
    "unknown": lambda: httpx.ReadTimeout("slow"),
    "unreadable": lambda: httpx.Response(200, content=b"<html>"),
}
NEWS: dict[str, dict[str, Any]] = {
    "running": {"status": "running"},
    "succeeded": {"status": "succeeded", "content": {"video_url": "https://media.example.com/a.mp4"}},
    "failed": {"status": "failed", "error": {"code": "InternalServiceError", "message": "broken"}},
    "withheld": {"status": "failed", "error": {"code": "OutputVideoSensitiveContentDetected", "message": "no"}},
    "empty": {"status": "succeeded", "content": {}},
}


@dataclass
class Vendor:
    """Does with the next create what it is told, and keeps the state of each job that it accepted."""

    create: str = "accepted"
    jobs: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, request: httpx.Request) -> Answer:
        name = request.url.path.rpartition("/")[2]
        if request.method == "POST":
            if self.create != "accepted":
                return CREATES[self.create]()
            name = f"cgt-{next(self._numbers)}"
            self.jobs[name] = "queued"
            return answer({"id": name})
        state = self.jobs[name]
        if request.method == "DELETE":
            if state != "queued":
                return answer({"error": {"code": "InvalidAction.RunningTaskDeletion", "message": "runs"}}, 409)
            self.jobs[name] = "cancelled"
            return answer({})
        return answer({"id": name, **NEWS.get(state, {"status": state})})


class Steered:
    """One database, and the gateway that runs on it at the moment."""

    def __init__(self, database: AbstractContextManager[str], folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.vendor = Vendor()
        self.moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
        self.folder = folder
        self._database = database
        self._url = database.__enter__()
        self._stack = AsyncExitStack()
        self._told: dict[str, tuple[JobStatus, object]] = {}
        self.gateway = self.run(self._open())

    def run(self, work: Awaitable[_Result]) -> _Result:
        """Waits for it."""

        async def waited() -> _Result:
            return await work

        return self.runner.run(waited())

    def close(self) -> None:
        """The end of the story."""
        self.run(self._stack.aclose())
        self.runner.close()
        self._database.__exit__(None, None, None)

    async def _open(self) -> Gateway:
        opened = gateway_on(
            self.folder,
            self.vendor,
            channels=(ARK,),
            keys=(LIMITED,),
            database_url=self._url,
            now=lambda: self.moment,
            seconds=lambda: 0.0,
        )
        gateway, _ = await self._stack.enter_async_context(opened)
        await gateway.health.forgive(ARK.id)
        return gateway

    def restart(self) -> None:
        """The process stops in good order, and another one starts."""
        self.run(self._stack.aclose())
        self.gateway = self.run(self._open())

    def crash(self) -> None:
        """The process is gone without a word: its jobs still are in its name, and one create is under way at that moment."""

        async def abandoned() -> None:
            async with self.gateway.database.write() as connection:
                for job in await job_store.admin_page(connection, limit=100):
                    if job.stage is Stage.ACCEPTED and job.parent_id is None and not job.upstream_id:
                        continue
                    await connection.execute(
                        tables.jobs.update().where(tables.jobs.c.id == job.id).values(lease_owner="worker_that_died")
                    )

        self.run(abandoned())
        self.restart()

    def create(self, outcome: str, n: int) -> None:
        """A client's create, whatever becomes of it."""
        self.vendor.create = outcome

        async def create() -> None:
            await self.gateway.health.forgive(ARK.id)
            key = self.gateway.configuration.key_by_id("key_1") or LIMITED
            with suppress(GatewayError):
                await self.gateway.create(wish(video(n=n), key=key))

        self.run(create())
        self.vendor.create = "accepted"

    def cancel(self, job: Job) -> None:
        """The owner's cancel, whatever becomes of it."""

        async def cancel() -> None:
            with suppress(GatewayError):
                await self.gateway.cancel(await self.gateway.job(job.id, None))

        self.run(cancel())

    def jobs(self) -> list[Job]:
        """Every job, parts included."""
        return self.run(stored(self.gateway))

    def ask(self) -> None:
        """Every open job is asked about, and what waits for room is looked at."""

        async def asked() -> None:
            await self.gateway.queue.look()
            await self.gateway.running.drain(5)
            for job in await stored(self.gateway):
                if not job.status.final and job.stage in (Stage.ACCEPTED, Stage.SENDING):
                    await self._asked_about(job)

        self.run(asked())

    async def _asked_about(self, job: Job) -> None:
        """Until what the vendor says (or the clock) is known here; a job that gathers parts is never asked about."""
        state = self.vendor.jobs.get(job.upstream_id or "")
        over = state in ("succeeded", "failed", "withheld", "empty") or self.moment >= job.deadline_at
        for _ in range(200 if over and job.channel_id else 2):
            self.gateway.poller.hurry(job.id)
            changed = await self.gateway.watching.changed(job.id, 0.01)
            if (changed or await self.gateway.job(job.id, None)).status.final:
                return

    def tell_again(self, job: Job) -> None:
        """A vendor's callback, twice at once, and another process that ends the same job at the same time."""

        async def told() -> None:
            self.gateway.poller.hurry(job.id)
            self.gateway.poller.hurry(job.id)
            ended = replace(job, status=JobStatus.COMPLETED, stage=Stage.ENDED, completed_at=self.moment)
            if job.status.final:
                assert await self.gateway.recorder.take(ended) is None

        self.run(told())

    def look_late(self) -> None:
        """Those who were too late are asked about."""
        self.moment += timedelta(minutes=6)
        self.run(self.gateway.late.look())

    def check(self) -> None:
        """Everything that must hold at any time."""
        jobs, lines, accounts = self.run(_books(self.gateway))
        for job in jobs:
            self._check_states(job)
            if job.parent_id is None:
                _check_lines(job, [line for line in lines if line.job_id == job.id])
        reserved, spent = sum(row.reserved for row in accounts), sum(row.spent for row in accounts)
        assert reserved + spent == -sum(line.micros for line in lines)
        assert reserved == sum(job.reserved for job in jobs if job.parent_id is None and not job.status.final)
        assert reserved >= 0
        assert spent >= 0
        assert reserved + spent <= BUDGET

    def _check_states(self, job: Job) -> None:
        if job.id in self._told:
            assert self._told[job.id] == (job.status, job.failure), "a terminal state was left"
        if job.status.final:
            self._told[job.id] = (job.status, job.failure)


def _check_lines(job: Job, lines: list[Any]) -> None:
    kinds = [line.kind for line in lines]
    assert kinds.count("reserve") == 1
    assert len([kind for kind in kinds if kind in ("settle", "refund")]) == (1 if job.status.final else 0)
    assert kinds.count("adjust") <= (job.request.n if job.late_at or job.request.n > 1 else 0)
    assert sum(line.micros for line in lines) == -((job.cost or 0) if job.status.final else job.reserved)
    if job.status is JobStatus.FAILED and "adjust" not in kinds:
        assert job.cost == 0


async def _books(gateway: Gateway) -> tuple[list[Job], list[Any], list[Any]]:
    """Jobs, ledger and accounts at one moment."""
    async with gateway.database.write() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        jobs = await job_store.admin_page(connection, limit=1000)
        lines = (await connection.execute(select(tables.ledger))).all()
        return jobs, list(lines), list((await connection.execute(select(tables.accounts))).all())

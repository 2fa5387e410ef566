"""What is measured when no client is there: outages, several processes, polls, and what a measurement costs."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from app.domain.channels import Channel
from app.domain.errors import (
    Fault,
    UnknownStatus,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
    UpstreamUnreadable,
)
from app.domain.jobs import JobStatus, Stage
from app.engine import figures
from app.engine.gateway import Gateway
from app.engine.metric_folder import FOLDER, forget_ended, shared_counters
from app.engine.metric_table import METRICS
from app.engine.metrics import Metrics, counted_model, error_word
from app.engine.tracked import LANE
from app.store import jobs as job_store
from tests.domain.builders import NOW, job
from tests.gateways import CHANNEL, answer, gateway_on
from tests.metrics import Page

pytestmark = pytest.mark.anyio
# what one process behind the port does: it counts, waits to be told, and is told to read
WORKER = """
import asyncio, sys
from app.engine.metric_table import HTTP_OPEN, JOBS_CREATED
from app.engine.metrics import Metrics
from app.engine.scrape import Scrape

class Nothing:
    async def families(self):
        return []

metrics = Metrics()
for line in sys.stdin:
    if line == "count\\n":
        metrics.count(JOBS_CREATED, "video")
        metrics.move(HTTP_OPEN, 1)
        print("counted", flush=True)
    else:
        print(asyncio.run(Scrape(metrics, Nothing()).page()).hex(), flush=True)
"""


class Worker:
    """A process of its own that counts."""

    def __init__(self, environ: dict[str, str]) -> None:
        command = (sys.executable, "-c", WORKER)
        self.process = subprocess.Popen(command, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def told(self, word: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def page(self) -> Page:
        return Page(bytes.fromhex(self.told("read")).decode())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_every_process_shows_the_sum_of_all_also_of_one_that_died(tmp_path: Path) -> None:
    environ = {**os.environ, FOLDER: ""}
    with shared_counters(tmp_path, environ):
        workers = Worker(environ), Worker(environ)
        try:
            for _ in range(3):
                workers[0].told("count")
            workers[1].told("count")
            pages = [worker.page() for worker in workers]
            workers[0].end()
            after = workers[1].page()
        finally:
            for worker in workers:
                worker.end()
    assert [page.value("filmgate_jobs_created_total", op="video") for page in pages] == [4, 4]
    assert [page.value("filmgate_http_requests_open") for page in pages] == [4, 4]
    assert after.value("filmgate_jobs_created_total", op="video") == 4
    assert after.value("filmgate_http_requests_open") == 1


def test_the_folder_is_new_at_each_start_and_gone_at_the_end(tmp_path: Path) -> None:
    first: dict[str, str] = {}
    second: dict[str, str] = {}
    with shared_counters(tmp_path, first):
        own = Path(first[FOLDER])
        (own / "counter_1.db").write_bytes(b"left by a server that was killed")
        dead, foreign = own.with_name(f"{own.name.rpartition('.')[0]}.4194999"), own.with_name("elsewhere.4194999")
        dead.mkdir()
        foreign.mkdir()
        with shared_counters(tmp_path, second):
            assert Path(second[FOLDER]) == own
            assert list(own.iterdir()) == []
    assert (own.exists(), dead.exists(), foreign.exists()) == (False, False, True)
    assert first == second == {}


def test_a_folder_that_the_environment_names_is_left_as_it_is(tmp_path: Path) -> None:
    environ = {FOLDER: "/their/own"}
    with shared_counters(tmp_path, environ):
        assert environ == {FOLDER: "/their/own"}
    assert list(tmp_path.iterdir()) == []


def test_only_gauges_of_the_dead_are_forgotten(tmp_path: Path) -> None:
    names = ("gauge_livesum_4194999.db", f"gauge_livesum_{os.getpid()}.db", "counter_4194999.db", "histogram_4194999.db")
    for name in names:
        (tmp_path / name).touch()
    forget_ended(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(names[1:])


@pytest.mark.parametrize(
    ("channel", "counted"),
    [
        (replace(CHANNEL, models={"m": "up"}), "m"),
        (replace(CHANNEL, models={"another": "up"}), "other"),
        (replace(CHANNEL, models="*"), "other"),
        (None, "other"),
    ],
)
def test_a_model_counts_by_name_where_its_channel_names_it(channel: Channel | None, counted: str) -> None:
    assert counted_model(job(), channel) == counted


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (UpstreamRefused("no", fault=Fault.BALANCE), "balance"),
        (UpstreamNeverSent("away"), "unreachable"),
        (UpstreamMaybeSent("silence", code="upstream_timeout"), "timeout"),
        (UpstreamMaybeSent("cut"), "unknown"),
        (UpstreamUnreadable("html"), "unreadable"),
        (UnknownStatus("paused"), "unknown_status"),
        (UpstreamError("?"), "other"),
    ],
)
def test_each_kind_of_failure_has_its_word(error: UpstreamError, word: str) -> None:
    assert error_word(error) == word


def test_a_clock_that_was_set_back_measures_nothing_and_breaks_nothing() -> None:
    metrics = Metrics()
    ended = job(status=JobStatus.COMPLETED, stage=Stage.ENDED, created_at=NOW, accepted_at=NOW, completed_at=NOW.replace(year=2020))
    metrics.job_ended(ended, None)
    sums = [sample.value for family in metrics.registry.collect() for sample in family.samples if sample.name.endswith("_sum")]
    assert set(sums) == {0.0}


def test_a_measurement_costs_microseconds() -> None:
    metrics, rounds = Metrics(), 2_000
    best = min(_seconds_of(metrics, rounds) for _ in range(5)) / rounds
    assert best < 0.000_1  # about 4 µs on an idle machine; the test must also pass on a busy one


def _seconds_of(metrics: Metrics, rounds: int) -> float:
    started = time.perf_counter()
    for _ in range(rounds):
        metrics.request_ended("GET", "/v1/videos/{job_id}", 200, 0.01)
    return time.perf_counter() - started


async def _page(gateway: Gateway) -> Page:
    return Page((await gateway.scrape.page()).decode())


async def test_the_database_is_asked_at_most_every_five_seconds(tmp_path: Path) -> None:
    clock = [100.0]
    async with gateway_on(tmp_path, lambda _: answer({}), seconds=lambda: clock[0]) as (gateway, _):
        before = await _page(gateway)
        async with gateway.database.write() as connection:
            await job_store.insert(connection, job(stage=Stage.HELD, channel_id="channel_1", created_at=gateway.now()), owner=None)
        clock[0] += figures.FRESH - 0.1
        soon = await _page(gateway)
        clock[0] += 0.2
        later = await _page(gateway)
    assert [page.value("filmgate_jobs_open", channel="vendor", stage="held") for page in (before, soon, later)] == [0, 0, 1]
    assert [page.value("filmgate_queue_depth") for page in (before, soon, later)] == [0, 0, 1]


async def test_while_the_database_is_away_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway_on(tmp_path, lambda _: answer({})) as (gateway, _):

        def away() -> object:
            raise OperationalError("SELECT", {}, Exception("no server"))

        monkeypatch.setattr(gateway.scrape.figures.database, "read", away)
        page = await _page(gateway)
        monkeypatch.undo()
    assert page.value("filmgate_database_up") == 0
    assert page.value("filmgate_channel_up", channel="vendor", adapter="openai") == 1
    assert page.series("filmgate_jobs_open") == page.series("filmgate_queue_depth") == {}
    assert "figures could not be read" in caplog.text


async def test_a_resting_channel_is_not_up(tmp_path: Path) -> None:
    async with gateway_on(
        tmp_path, lambda _: answer({}), channels=(CHANNEL, replace(CHANNEL, id="c2", name="off", enabled=False))
    ) as (
        gateway,
        _,
    ):
        for _ in range(10):
            await gateway.health.heard(CHANNEL, "credential_1", UpstreamRefused("no", fault=Fault.CREDENTIAL))
        page = await _page(gateway)
    assert page.value("filmgate_channel_up", channel="vendor", adapter="openai") == 0
    assert page.value("filmgate_channel_up", channel="off", adapter="openai") == 0


async def test_the_poll_budget_is_seen_with_what_it_is_used_for(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, lambda _: answer({"id": "up", "status": "queued"})) as (gateway, _):
        open_job = job(
            adapter="openai", channel_id="channel_1", credential_id="credential_1", upstream_id="up", stage=Stage.ACCEPTED
        )
        gateway.poller.add(open_job)
        gateway.poller._enqueue(gateway.poller._jobs[open_job.id].due, open_job.id)
        gateway.pulse.look()
        page = await _page(gateway)
    assert page.value("filmgate_poll_jobs") == 1
    assert page.value("filmgate_poll_questions", channel="vendor", state="asking") == 1
    assert page.value("filmgate_poll_questions", channel="vendor", state="waiting") == 0
    assert page.value("filmgate_poll_slots", channel="vendor") == LANE


def test_names_follow_the_rules_of_prometheus() -> None:
    for entry in METRICS:
        assert entry.name.startswith("filmgate_")
        assert entry.name.endswith("_total") == (entry.kind == "counter"), entry.name
        assert bool(entry.buckets) == (entry.kind == "histogram"), entry.name
        assert entry.kind != "histogram" or entry.name.endswith("_seconds")
    assert len({entry.name for entry in METRICS}) == len(METRICS)

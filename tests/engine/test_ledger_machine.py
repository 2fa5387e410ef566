"""Whatever happens in whatever order: sums are right, each job is settled once, no budget is exceeded, no end is undone."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.databases import KINDS, fresh_database
from tests.engine.ledger_machine import CREATES, NEWS, Steered


class Ledger(RuleBasedStateMachine):
    """Clients, a vendor, a clock and an operator who stops and starts the process."""

    kind = "sqlite"

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.site = Steered(fresh_database(self.kind, Path(self.folder.name)), Path(self.folder.name))

    def teardown(self) -> None:
        if hasattr(self, "site"):
            self.site.close()
            self.folder.cleanup()

    @rule(outcome=st.sampled_from(["accepted"] * 4 + list(CREATES)), n=st.sampled_from([1, 1, 1, 2]))
    def create(self, outcome: str, n: int) -> None:
        self.site.create(outcome, n)

    @rule(n=st.sampled_from([1, 1, 2]))
    def create_and_ask(self, n: int) -> None:
        self.site.create("accepted", n)
        self.site.ask()

    @rule(news=st.sampled_from(["succeeded", *NEWS]), which=st.integers(0, 20))
    def news(self, news: str, which: int) -> None:
        running = [name for name, state in self.site.vendor.jobs.items() if state in ("queued", "running")]
        if running:
            self.site.vendor.jobs[running[which % len(running)]] = news

    @rule()
    def poll(self) -> None:
        self.site.ask()

    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        jobs = [job for job in self.site.jobs() if job.parent_id is None]
        if jobs:
            self.site.cancel(jobs[which % len(jobs)])

    @rule()
    def deadline(self) -> None:
        self.site.moment += timedelta(hours=25)
        self.site.ask()

    @rule()
    def late(self) -> None:
        self.site.look_late()

    @rule(which=st.integers(0, 20))
    def duplicate_callback(self, which: int) -> None:
        jobs = self.site.jobs()
        if jobs:
            self.site.tell_again(jobs[which % len(jobs)])

    @rule(way=st.sampled_from(["stop", "kill"]))
    def restart(self, way: str) -> None:
        if way == "kill":
            self.site.crash()
        else:
            self.site.restart()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "site"):
            self.site.check()


@pytest.mark.parametrize("kind", KINDS)
def test_ledger_is_right_whatever_happens(kind: str) -> None:
    machine = type(f"Ledger_{kind}", (Ledger,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8, stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
        ),
    )

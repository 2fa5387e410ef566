"""The judge of the campaign sees what it is there to see: each planted violation is found, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.jobs import Failure, Job, JobStatus, Stage
from tests.chaos.clients import Told
from tests.chaos.evidence import Account, Books, Evidence, Line
from tests.chaos.vendor import Made
from tests.chaos.verdict import UNKNOWN, findings, flagged
from tests.domain.builders import job, video

PRICE = 250_000


def made(number: int, **values: Any) -> Made:
    return replace(Made(f"video_{number}", f"mark {number}", 0.0, works=True, answered=True), **values)


def told(number: int, **values: Any) -> Told:
    return replace(Told(f"mark {number}", named=False, status=200, job_id=f"task_{number}", state="queued"), **values)


def row(number: int, **values: Any) -> Job:
    done = {"status": JobStatus.COMPLETED, "stage": Stage.ENDED, "upstream_id": f"video_{number}", "cost": PRICE}
    return job(**{"id": f"task_{number}", "request": video(prompt=f"mark {number}"), **done, **values})


def failed(number: int, code: str) -> Job:
    return row(number, status=JobStatus.FAILED, failure=Failure(code, "x"), upstream_id=None, cost=0)


def lines(number: int, *micros: tuple[str, int]) -> list[Line]:
    return [Line("key_1", f"task_{number}", kind, amount) for kind, amount in micros]


PAID = lines(1, ("reserve", -300_000), ("settle", 50_000))
BACK = lines(2, ("reserve", -300_000), ("refund", 300_000))
GOOD = Evidence(
    made=[made(1), made(2, answered=False)],
    told=[told(1), told(2, status=502, job_id="task_2", state="", code=UNKNOWN)],
    jobs=[row(1), failed(2, UNKNOWN)],
    books=Books([*PAID, *BACK], [Account("key_1", 0, PRICE)]),
)


def kinds(evidence: Evidence) -> set[str]:
    return {kind for kind, cases in findings(evidence, PRICE).items() if cases}


def test_a_good_campaign_has_no_findings() -> None:
    assert kinds(GOOD) == set()
    assert [one.id for one in flagged(GOOD)] == ["task_2"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"told": [*GOOD.told, told(3)]}, "lost"),
        ({"made": [*GOOD.made, made(3)]}, "lost"),
        ({"jobs": [row(1), failed(2, "interrupted")]}, "lost"),
        ({"jobs": [row(1), failed(2, "rate_limit_exceeded")]}, "lost"),
        ({"told": [told(1), told(2)]}, "lost"),
        ({"told": [*GOOD.told, told(3, limited=True)], "jobs": [*GOOD.jobs, failed(3, "interrupted")]}, "lost"),
        ({"made": [*GOOD.made, made(3, mark="mark 1")]}, "doubled"),
        ({"jobs": [*GOOD.jobs, replace(failed(5, UNKNOWN), asked=video(prompt="mark 1"))]}, "doubled"),
        ({"jobs": [*GOOD.jobs, row(3, status=JobStatus.QUEUED, upstream_id=None, cost=None)]}, "stuck"),
        ({"told": [told(1), told(2, status=429, job_id=None, code="rate_limit_exceeded")]}, "misled"),
        ({"told": [*GOOD.told, told(3, status=500, job_id=None, code="internal_error")]}, "misled"),
        ({"odd": ["a read was answered with 404"]}, "odd"),
        ({"deaths": ["process 7 ended by itself"]}, "odd"),
    ],
)
def test_each_violation_is_found_as_what_it_is(change: dict[str, Any], kind: str) -> None:
    assert kinds(replace(GOOD, **change)) == {kind}


@pytest.mark.parametrize("upstream_id", ["video_2", "video_9", None])
def test_a_result_that_is_not_the_jobs_own_is_found(upstream_id: str | None) -> None:
    assert kinds(replace(GOOD, jobs=[row(1, upstream_id=upstream_id), failed(2, UNKNOWN)])) == {"invented"}


def test_a_create_that_reached_no_vendor_may_be_made_anew_under_its_name() -> None:
    first = replace(failed(5, "rate_limit_exceeded"), asked=video(prompt="mark 1"))
    assert kinds(replace(GOOD, jobs=[first, *GOOD.jobs])) == set()
    assert kinds(replace(GOOD, jobs=[*GOOD.jobs, first])) == set()


def test_a_repeated_create_may_be_shown_a_job_whose_outcome_was_open_then() -> None:
    assert kinds(replace(GOOD, told=[told(1), told(2, named=True)])) == set()


def test_a_job_that_waited_for_room_may_be_refused_or_open_in_the_end() -> None:
    assert kinds(replace(GOOD, told=[told(1), told(2, limited=True)])) == set()


def test_a_vendor_that_failed_is_no_violation_when_the_job_says_so() -> None:
    evidence = replace(GOOD, made=[made(1), made(2, works=False)], jobs=[row(1), failed(2, "generation_failed")])
    assert kinds(evidence) == set()


@pytest.mark.parametrize(
    ("written", "accounts"),
    [
        (BACK, [Account("key_1", 0, 0)]),  # made for nothing
        ([*PAID, *lines(2, ("reserve", -300_000))], [Account("key_1", 0, 550_000)]),  # never given back
        ([*PAID, *PAID[1:], *BACK], [Account("key_1", 0, 200_000)]),  # settled twice
        ([*PAID, *BACK], [Account("key_1", 300_000, PRICE)]),  # still held
        ([*PAID, *BACK], [Account("key_1", 0, 0)]),  # the sum forgot it
        ([*PAID, *BACK], []),
        ([*PAID, *BACK, *lines(9, ("reserve", -1), ("refund", 1))], [Account("key_1", 0, PRICE)]),  # of no job
    ],
)
def test_money_that_does_not_add_up_is_found(written: list[Line], accounts: list[Account]) -> None:
    assert kinds(replace(GOOD, books=Books(written, accounts))) == {"money"}


def test_a_failed_job_that_costs_something_is_found() -> None:
    cheap = replace(failed(2, UNKNOWN), cost=1)
    assert kinds(replace(GOOD, jobs=[row(1), cheap])) == {"money"}

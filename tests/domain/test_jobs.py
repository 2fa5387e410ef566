"""The state machine: forward only, one end."""

from datetime import timedelta

import pytest

from app.domain.jobs import Failure, JobStatus, Output, Snapshot, Stage, Usage, advance, fail, gather, total_usage
from tests.domain.builders import NOW, job

LATER = NOW + timedelta(seconds=30)
DONE = Snapshot(JobStatus.COMPLETED, outputs=(Output(url="https://media.example.com/a.mp4"),))


def test_a_job_goes_forward_and_remembers_when() -> None:
    accepted = advance(job(), Snapshot(JobStatus.QUEUED, upstream_id="up-1", facts={"path": "a"}), NOW)
    running = advance(accepted, Snapshot(JobStatus.IN_PROGRESS, progress=40, facts={"file": "b"}), LATER)
    done = advance(running, DONE, LATER + timedelta(seconds=1))
    assert (accepted.stage, accepted.upstream_id, accepted.accepted_at) == (Stage.ACCEPTED, "up-1", NOW)
    assert (running.progress, running.started_at, running.facts) == (40, LATER, {"path": "a", "file": "b"})
    assert (done.status, done.stage, done.progress) == (JobStatus.COMPLETED, Stage.ENDED, 100)
    assert done.completed_at == LATER + timedelta(seconds=1)


@pytest.mark.parametrize("end", [DONE, Snapshot(JobStatus.FAILED, failure=Failure("x", "y"))])
@pytest.mark.parametrize("news", [DONE, Snapshot(JobStatus.QUEUED), Snapshot(JobStatus.FAILED)])
def test_a_final_job_never_changes(end: Snapshot, news: Snapshot) -> None:
    ended = advance(job(), end, NOW)
    assert advance(ended, news, LATER) is ended
    assert fail(ended, Failure("late", "late"), LATER) is ended


def test_status_and_progress_never_go_back() -> None:
    running = advance(job(), Snapshot(JobStatus.IN_PROGRESS, progress=60), NOW)
    back = advance(running, Snapshot(JobStatus.QUEUED, progress=10), LATER)
    assert (back.status, back.progress) == (JobStatus.IN_PROGRESS, 60)


def test_progress_stays_below_a_hundred_until_the_end() -> None:
    assert advance(job(), Snapshot(JobStatus.IN_PROGRESS, progress=100), NOW).progress == 99


def test_an_answer_without_news_changes_nothing() -> None:
    running = advance(job(), Snapshot(JobStatus.IN_PROGRESS, progress=60), NOW)
    assert advance(running, Snapshot(JobStatus.IN_PROGRESS, progress=60), LATER) == running


def test_done_without_any_result_is_a_failure() -> None:
    filtered = Snapshot(JobStatus.COMPLETED, partial_failures=(Failure("content_policy_violation", "withheld"),))
    ended = advance(job(), filtered, NOW)
    assert (ended.status, ended.failure) == (JobStatus.FAILED, Failure("content_policy_violation", "withheld"))
    empty = advance(job(), Snapshot(JobStatus.COMPLETED), NOW)
    assert empty.failure is not None
    assert empty.failure.code == "no_output"


def test_a_failure_always_has_a_reason() -> None:
    failed = advance(job(), Snapshot(JobStatus.FAILED), NOW)
    assert failed.failure is not None
    assert failed.failure.code == "generation_failed"


def test_parts_are_gathered_when_all_have_ended() -> None:
    parent = job(id="parent", stage=Stage.ACCEPTED)
    one = advance(job(id="one", parent_id="parent"), DONE, NOW)
    two = advance(job(id="two", parent_id="parent"), Snapshot(JobStatus.IN_PROGRESS, progress=50), NOW)
    open_ = gather(parent, [one, two], NOW)
    assert (open_.status, open_.progress) == (JobStatus.IN_PROGRESS, 75)
    lost = fail(two, Failure("content_policy_violation", "withheld"), LATER)
    ended = gather(open_, [one, lost], LATER)
    assert ended.status is JobStatus.COMPLETED
    assert [output.part for output in ended.outputs] == ["one"]
    assert ended.partial_failures == (Failure("content_policy_violation", "withheld"),)


def test_a_job_whose_parts_all_failed_failed() -> None:
    parts = [fail(job(id=name, parent_id="parent"), Failure("x", name), NOW) for name in ("one", "two")]
    ended = gather(job(id="parent"), parts, NOW)
    assert (ended.status, ended.failure) == (JobStatus.FAILED, Failure("x", "one"))
    assert gather(ended, parts, LATER) is ended


def test_usage_adds_up_where_it_is_known() -> None:
    assert total_usage([None, Usage(images=1, total_tokens=5), Usage(images=2)]) == Usage(images=3, total_tokens=5)
    assert total_usage([None]) is None

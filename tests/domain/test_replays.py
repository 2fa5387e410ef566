"""Which requests are the same, which failures started nothing, and how long a name stands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.jobs import Failure, Job, JobStatus, Stage
from app.domain.json import Json
from app.domain.normalise import UploadRef
from app.domain.replays import fingerprint, handed_over, key_name, over, started_nothing, task_name
from app.domain.requests import Mode, VideoRequest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WISH = VideoRequest(model="film-1", mode=Mode.T2V, prompt="a paper boat")
JOB = Job(
    id="job_1",
    key_id="key_a",
    model="film-1",
    asked=WISH,
    request=WISH,
    fingerprint="f1",
    created_at=NOW,
    updated_at=NOW,
    deadline_at=NOW,
)
BODY: dict[str, Json] = {"model": "film-1", "prompt": "a paper boat", "metadata": {"a": 1, "b": [1, None, "x"]}}


def failed(code: str) -> Job:
    """The job, never accepted and ended with this code."""
    return replace(JOB, status=JobStatus.FAILED, stage=Stage.ENDED, failure=Failure(code, code))


def test_equal_fields_in_another_order_are_the_same_request() -> None:
    other: dict[str, Json] = {"metadata": {"b": [1, None, "x"], "a": 1}, "prompt": "a paper boat", "model": "film-1"}
    assert fingerprint("/v1/videos", BODY, {}) == fingerprint("/v1/videos", other, {})


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a paper boat "},
        {"metadata": {"a": 1, "b": [None, 1, "x"]}},
        {"metadata": {"a": True, "b": [1, None, "x"]}},
        {"metadata": None},
        {"seconds": 5},
    ],
)
def test_any_other_field_is_another_request(change: dict[str, Json]) -> None:
    assert fingerprint("/v1/videos", BODY, {}) != fingerprint("/v1/videos", {**BODY, **change}, {})


def test_another_endpoint_is_another_request() -> None:
    assert fingerprint("/v1/videos", BODY, {}) != fingerprint("/v1/video/generations", BODY, {})


def test_files_are_compared_by_their_bytes_and_place_and_not_by_their_names() -> None:
    def uploaded(field: str, name: str, data: bytes) -> str:
        reference = UploadRef.of(field, 0, name)
        return fingerprint("/v1/videos", {field: reference}, {str(reference): data})

    assert uploaded("image", "a.png", b"pixels") == uploaded("image", "b.png", b"pixels")
    assert uploaded("image", "a.png", b"pixels") != uploaded("image", "a.png", b"others")
    assert uploaded("image", "a.png", b"pixels") != uploaded("mask", "a.png", b"pixels")


def test_a_text_that_looks_like_a_file_is_a_text() -> None:
    reference = UploadRef.of("image", 0, "a.png")
    files = {str(reference): b"pixels"}
    assert fingerprint("/v1/videos", {"image": reference}, files) != fingerprint("/v1/videos", {"image": str(reference)}, files)


def test_a_fingerprint_stays_what_it_was_in_earlier_releases() -> None:
    """An `external_task_id` is remembered for good, and so is the fingerprint beside it."""
    body: dict[str, Json] = {
        "prompt": "a kite",
        "model": "m",
        "n": 2,
        "seconds": 4.5,
        "image": None,
        "metadata": {"x": [True, "é"]},
    }
    known = "5a0ecd6378d2d3157e025e54660ec7a805059a97375d299e06cbd17dd1dcecce"
    assert fingerprint("/v1/videos", body, {}) == known


def test_odd_text_has_a_fingerprint_too() -> None:
    assert fingerprint("/v1/videos", {"prompt": "\0 \ud800 🎬"}, {}) != fingerprint("/v1/videos", {"prompt": "\0 🎬"}, {})


@pytest.mark.parametrize(
    "code", ["upstream_unreachable", "upstream_error", "rate_limit_exceeded", "concurrency_limit_exceeded", "interrupted"]
)
def test_a_create_that_reached_nobody_or_was_put_off_started_nothing(code: str) -> None:
    assert started_nothing(failed(code))


@pytest.mark.parametrize("code", ["upstream_outcome_unknown", "content_policy_violation", "invalid_request", "deadline_exceeded"])
def test_an_open_outcome_and_a_refusal_of_the_request_itself_are_outcomes(code: str) -> None:
    assert not started_nothing(failed(code))


def test_what_was_accepted_or_is_still_open_started_something() -> None:
    assert not started_nothing(replace(failed("upstream_error"), accepted_at=NOW))
    assert not started_nothing(JOB)


def test_a_split_job_started_nothing_only_if_none_of_its_parts_did() -> None:
    gathered = replace(failed("upstream_error"), accepted_at=NOW)
    assert started_nothing(gathered, [failed("upstream_error"), failed("rate_limit_exceeded")])
    assert not started_nothing(gathered, [failed("upstream_error"), failed("upstream_outcome_unknown")])


@pytest.mark.parametrize(
    ("stage", "done"), [(Stage.WAITING, False), (Stage.SENDING, False), (Stage.HELD, True), (Stage.ACCEPTED, True)]
)
def test_a_job_is_handed_over_when_it_is_accepted_or_may_wait(stage: Stage, *, done: bool) -> None:
    assert handed_over(replace(JOB, stage=stage)) is done
    assert not over(replace(JOB, stage=stage))


def test_an_ended_job_is_handed_over_and_over() -> None:
    assert handed_over(failed("interrupted"))
    assert over(failed("interrupted"))


def test_a_split_job_is_handed_over_when_all_its_parts_are() -> None:
    parent = replace(JOB, stage=Stage.ACCEPTED)
    accepted, sending = replace(JOB, stage=Stage.ACCEPTED), replace(JOB, stage=Stage.SENDING)
    assert handed_over(parent, [accepted, failed("upstream_error")])
    assert not handed_over(parent, [accepted, sending])


def test_an_idempotency_key_stands_for_a_day_and_a_task_id_for_good() -> None:
    key, task = key_name("k").of(JOB, NOW), task_name("k").of(JOB, NOW)
    assert (key.key_id, key.job_id, key.fingerprint, key.created_at, key.answer) == ("key_a", "job_1", "f1", NOW, None)
    assert [key.expired(NOW + timedelta(hours=hours)) for hours in (23, 24)] == [False, True]
    assert not task.expired(NOW + timedelta(days=10_000))
    assert key.name != task.name


def test_only_a_task_name_says_a_task_id() -> None:
    assert task_name("task:1").client_task_id == "task:1"
    assert key_name("task:1").client_task_id is None

"""Headers about jobs."""

import pytest

from app.api.answers import poll_headers, warning_headers
from app.domain.jobs import Job, JobStatus
from app.domain.requests import Notice
from tests.api.samples import completed, failed, queued


@pytest.mark.parametrize(
    ("pace", "milliseconds", "seconds"), [(0.1, "1000", "1"), (30, "2500", "3"), (90, "7500", "8"), (9000, "10000", "10")]
)
def test_a_client_asks_again_in_whole_milliseconds_and_seconds(pace: float, milliseconds: str, seconds: str) -> None:
    for job in (queued(), queued(status=JobStatus.IN_PROGRESS)):
        assert poll_headers(job, pace) == {"openai-poll-after-ms": milliseconds, "Retry-After": seconds}


@pytest.mark.parametrize("job", [completed(), failed()])
def test_a_finished_job_need_not_be_asked_about(job: Job) -> None:
    assert poll_headers(job, 30) == {}


def test_each_code_stands_once_and_in_order() -> None:
    notices = [Notice("b:x"), Notice("a"), Notice("b:x", "again")]
    assert warning_headers(notices) == {"x-filmgate-warnings": "b:x, a"}
    assert warning_headers([]) == {}


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("metadata_ignored:视频", "metadata_ignored:%E8%A7%86%E9%A2%91"),
        ("a\r\nset-cookie: b", "a%0D%0Aset-cookie:%20b"),
        ("a,b", "a%2Cb"),
    ],
)
def test_names_that_clients_chose_are_escaped(code: str, written: str) -> None:
    assert warning_headers([Notice(code)]) == {"x-filmgate-warnings": written}


def test_the_header_stays_short_enough_for_proxies() -> None:
    header = warning_headers([Notice(f"metadata_ignored:{number}") for number in range(1000)])["x-filmgate-warnings"]
    assert 1900 < len(header) <= 2000
    assert header.endswith(tuple("0123456789"))

"""A line of the log names the request and the job that it belongs to."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine import poll
from app.engine.telemetry import Telemetry, job_id
from app.logs import JsonLines, Redaction, request_id
from tests.api.conftest import Site, site_on

pytestmark = pytest.mark.anyio


def line(**extra: str) -> dict[str, str]:
    """What is written of one record now."""
    record = logging.makeLogRecord({"name": "here", "levelname": "INFO", "msg": "told", **extra})
    assert Redaction().filter(record)
    found: dict[str, str] = json.loads(JsonLines().format(record))
    return found


async def changed(site: Site, come: Callable[[], bool]) -> None:
    """Waits until something has happened."""
    for _ in range(200):
        if come():
            return
        await site.gateway.watching.changed("nothing", 0.05)
    raise AssertionError("it did not happen")


def test_a_line_outside_of_everything_names_nothing() -> None:
    assert not {"request_id", "job_id"} & line().keys()


def test_a_line_names_its_request_and_its_job() -> None:
    token = request_id.set("req_1")
    with Telemetry().work("submit", "task_1"):
        inside = line()
    after = line()
    request_id.reset(token)
    assert (inside["request_id"], inside["job_id"]) == ("req_1", "task_1")
    assert after["request_id"] == "req_1"
    assert "job_id" not in after


def test_a_record_that_names_its_job_itself_keeps_that_name() -> None:
    with Telemetry().work("poll", "task_1"):
        assert line(job_id="task_2")["job_id"] == "task_2"


async def test_what_a_poll_writes_names_its_job(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    class Note(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            seen.append((record.getMessage(), job_id.get()))
            return True

    note = Note()
    logging.getLogger(poll.__name__).addFilter(note)
    async with site_on(tmp_path) as site:
        job = await site.created()
        site.studio.status = "canary-status"
        site.gateway.poller.hurry(job["id"])
        await changed(site, lambda: bool(seen))
    logging.getLogger(poll.__name__).removeFilter(note)
    assert {name for _, name in seen} == {job["id"]}
    assert "canary-status" in seen[0][0]

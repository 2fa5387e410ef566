"""`filmgate jobs`: watching; `list` and `show` of an empty database are in test_local."""

import asyncio
import io
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.jobs import Line, follow, shower, watched
from app.domain.channels import Channel
from app.domain.jobs import Failure, Job, JobStatus, Stage
from app.engine.job_views import job_line
from app.store import jobs as job_store
from app.store.database import Database
from tests.cli.conftest import Command, printed
from tests.store.samples import job

pytestmark = pytest.mark.anyio
CHANNEL = Channel(id="ch_1", name="boats", adapter="sandbox", base_url="sandbox://local")
OPEN = replace(job(), channel_id="ch_1", status=JobStatus.IN_PROGRESS, stage=Stage.ACCEPTED, progress=40)
COMPLETED = replace(OPEN, status=JobStatus.COMPLETED, stage=Stage.ENDED, progress=100)
FAILED = replace(OPEN, status=JobStatus.FAILED, stage=Stage.ENDED, failure=Failure("out_of_film", "no\n\x1b[31mfilm"))


def store(machine: Path, *jobs: Job) -> None:
    async def insert(connection: AsyncConnection) -> None:
        for one in jobs:
            await job_store.insert(connection, one, owner=None)

    asyncio.run(written(machine, insert))


def change(machine: Path, *jobs: Job) -> None:
    async def record(connection: AsyncConnection) -> None:
        for one in jobs:
            await job_store.record(connection, one)

    asyncio.run(written(machine, record))


async def written(machine: Path, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    database = Database.open(f"sqlite+aiosqlite:///{machine / 'data' / 'filmgate.db'}")
    async with database.write() as connection:
        await work(connection)
    await database.close()


class Looks:
    """Finds what is scripted, one after the other."""

    def __init__(self, *found: Sequence[Job]) -> None:
        self._found = iter(found)
        self.pauses = 0

    async def look(self) -> Sequence[Line]:
        return [job_line(one, CHANNEL) for one in next(self._found)]

    async def pause(self) -> None:
        self.pauses += 1


def test_a_completed_job_is_exit_code_0(ready: Command, machine: Path) -> None:
    store(machine, COMPLETED)
    result = ready("jobs", "watch", COMPLETED.id)
    assert (result.exit_code, result.stdout) == (0, "job_000001  completed  100 %  film-1  ch_1\n")


def test_a_failed_job_is_exit_code_1_and_says_why_in_one_line(ready: Command, machine: Path) -> None:
    store(machine, FAILED)
    result = ready("jobs", "watch", FAILED.id)
    assert (result.exit_code, result.stdout) == (1, "job_000001  failed  40 %  film-1  ch_1  out_of_film: no [31mfilm\n")


def test_an_unknown_job_is_one_line(ready: Command) -> None:
    result = ready("jobs", "watch", "job_none")
    assert (result.exit_code, result.stderr) == (1, "error: There is no job 'job_none'.\n")


def test_where_nothing_is_open_nothing_is_watched(ready: Command, machine: Path) -> None:
    store(machine, COMPLETED, replace(job(2), status=JobStatus.FAILED, stage=Stage.ENDED))
    result = ready("jobs", "watch")
    assert (result.exit_code, result.stdout) == (0, "There are no open jobs.\n")


async def test_all_open_jobs_are_watched_to_their_ends_without_their_parts(
    ready: Command, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def end() -> None:
        await asyncio.to_thread(change, machine, COMPLETED, replace(FAILED, id="job_000002"))

    part = replace(OPEN, id="job_part", parent_id=OPEN.id)
    await asyncio.to_thread(store, machine, OPEN, replace(OPEN, id="job_000002"), part, replace(COMPLETED, id="job_old"))
    ended = await watched(None, end)
    assert [line["status"] for line in ended] == ["completed", "failed"]
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["job_000001", "in_progress"],
        ["job_000002", "in_progress"],
        ["job_000001", "completed"],
        ["job_000002", "failed"],
    ]


async def test_a_job_is_followed_until_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    looks = Looks([OPEN], [OPEN], [replace(OPEN, progress=70)], [COMPLETED])
    with ExitStack() as stack:
        (ended,) = await follow(looks.look, shower(Console(file=io.StringIO()), stack), looks.pause)
    assert (ended["status"], looks.pauses) == ("completed", 3)
    assert capsys.readouterr().out == (
        "job_000001  in_progress  40 %  film-1  boats\n"
        "job_000001  in_progress  70 %  film-1  boats\n"
        "job_000001  completed  100 %  film-1  boats\n"
    )


async def test_a_job_that_is_deleted_is_watched_no_longer() -> None:
    looks = Looks([OPEN, replace(OPEN, id="job_000002")], [COMPLETED])
    with ExitStack() as stack:
        assert len(await follow(looks.look, shower(Console(file=io.StringIO()), stack), looks.pause)) == 1


async def test_on_a_terminal_one_table_changes_in_place() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    looks = Looks([OPEN], [FAILED])
    with ExitStack() as stack:
        await follow(looks.look, shower(screen, stack), looks.pause)
    assert isinstance(screen.file, io.StringIO)
    first, last = screen.file.getvalue().split("in_progress", 1)
    assert "channel" in first
    assert "\x1b[1A" in last  # up a line, to write over it
    assert "out_of_film: no [31mfilm" in last


def heed_interrupts() -> None:
    """What runs in the background of a shell ignores Ctrl-C, and what it starts does so too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves(ready: Command, machine: Path) -> None:
    store(machine, OPEN)
    command = [sys.executable, "-m", "app", "jobs", "watch", OPEN.id]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=machine, text=True, stdout=pipe, stderr=pipe, preexec_fn=heed_interrupts) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, trouble = process.communicate(timeout=30)
    assert (first.split()[:2], process.returncode, trouble) == ([OPEN.id, "in_progress"], 130, "")


def test_jobs_are_listed(ready: Command, machine: Path) -> None:
    store(machine, OPEN)
    (line,) = printed(ready("jobs", "list", "--json"))
    assert (line["id"], line["status"]) == (OPEN.id, "in_progress")
    assert "40 %" in ready("jobs", "list").stdout

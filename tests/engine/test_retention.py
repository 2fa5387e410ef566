"""What is old goes with its files, batch by batch, and a file that cannot go holds up nothing."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from app.domain.jobs import JobStatus, Output, Stage
from app.domain.replays import Replay, StoredAnswer
from app.domain.webhooks import Webhook, WebhookState, WebhookTry
from app.engine.assets import FolderAssets
from app.engine.retention import Retention
from app.store import jobs, replays, webhooks
from app.store.database import Database
from app.store.tables import jobs as job_table
from app.store.tables import rates, webhook_tries
from app.store.webhooks import WebhookFilter
from tests.databases import fresh_database
from tests.domain.builders import NOW, job

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


@dataclass
class Shelf(FolderAssets):
    """A folder in which some files cannot be removed; it looks whether the database had forgotten them."""

    folder: Path
    database: Database
    stuck: frozenset[str] = frozenset()
    seen: list[int] = field(default_factory=list)  # jobs that were there when a file was to go

    def __post_init__(self) -> None:
        super().__init__(self.folder)

    async def delete(self, name: str) -> None:
        self.seen.append(await count(self.database))
        if name in self.stuck:
            raise PermissionError(13, "Permission denied", name)
        await super().delete(name)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    with fresh_database(request.param, tmp_path) as url:
        opened = Database.open(url)
        yield opened
        await opened.close()


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "files", database)


def retention(shelf: Shelf, days: float | None = 1) -> Retention:
    return Retention(shelf.database, shelf, days, lambda: NOW, pause=0)


async def count(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(job_table))).scalar_one())


async def ended(shelf: Shelf, number: int, at: datetime) -> str:
    """A job that ended at this time, and the name of its file."""
    file = (await shelf.put(f"job-{number}", b"pixels", "image/png")).name
    made = job(id=f"task_{number}", created_at=at, updated_at=at, completed_at=at, status=JobStatus.COMPLETED, stage=Stage.ENDED)
    async with shelf.database.write() as connection:
        await jobs.insert(connection, replace(made, outputs=(Output(asset=file),)), owner=None)
    return file


def files(shelf: Shelf) -> set[str]:
    return {path.name for path in shelf.folder.rglob("*") if path.is_file()}


async def test_what_is_old_goes_with_its_files_after_the_database_forgot_it(shelf: Shelf) -> None:
    await ended(shelf, 1, NOW - 3 * DAY)
    await ended(shelf, 2, NOW - 2 * DAY)
    young = await ended(shelf, 3, NOW - DAY / 2)
    assert await retention(shelf).purge() == 2
    assert files(shelf) == {young}
    assert shelf.seen == [1, 1]


async def test_without_a_limit_everything_stays(shelf: Shelf) -> None:
    kept = await ended(shelf, 1, datetime(1999, 1, 1, tzinfo=UTC))
    assert await retention(shelf, days=None).purge() == 0
    await retention(shelf, days=None).tidy()
    assert files(shelf) == {kept}
    assert await count(shelf.database) == 1


async def test_more_than_one_batch_goes_at_once(shelf: Shelf) -> None:
    old = NOW - 2 * DAY
    async with shelf.database.write() as connection:
        for number in range(230):
            made = job(id=f"task_{number}", created_at=old, updated_at=old, completed_at=old, status=JobStatus.FAILED)
            await jobs.insert(connection, replace(made, stage=Stage.ENDED), owner=None)
    assert await retention(shelf).purge() == 230
    assert await count(shelf.database) == 0


async def test_a_file_that_cannot_be_removed_holds_up_nothing(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    stuck, other = await ended(shelf, 1, NOW - 3 * DAY), await ended(shelf, 2, NOW - 2 * DAY)
    shelf.stuck = frozenset({stuck})
    with caplog.at_level(logging.WARNING):
        assert await retention(shelf).purge() == 2
    assert files(shelf) == {stuck}
    assert other not in caplog.text
    assert stuck in caplog.text


async def test_a_name_that_is_none_of_ours_holds_up_nothing(shelf: Shelf) -> None:
    old = NOW - 2 * DAY
    made = job(created_at=old, updated_at=old, completed_at=old, status=JobStatus.COMPLETED, stage=Stage.ENDED)
    async with shelf.database.write() as connection:
        await jobs.insert(connection, replace(made, outputs=(Output(asset="../../etc/passwd"),)), owner=None)
    assert await retention(shelf).purge() == 1


async def test_tidying_removes_old_jobs_expired_answers_and_idle_counters(shelf: Shelf) -> None:
    await ended(shelf, 1, NOW - 2 * DAY)
    answer, living = [(await shelf.put(name, b"{}", "application/json")).name for name in ("dead", "alive")]
    async with shelf.database.write() as connection:
        for name, file, expires in (("key:1", answer, NOW), ("key:2", living, NOW + DAY)):
            await replays.insert(connection, Replay("key_1", name, "f", "task_9", NOW - DAY, expires))
            await replays.answer(connection, "key_1", name, StoredAnswer(200, {}, asset=file))
        for name, age in (("idle", 61), ("busy", 59)):
            await connection.execute(insert(rates), {"name": name, "count": 1, "expires_at": NOW - timedelta(minutes=age)})
    await retention(shelf).tidy()
    assert files(shelf) == {living}
    assert await count(shelf.database) == 0
    async with shelf.database.read() as connection:
        assert await replays.get(connection, "key_1", "key:1") is None
        assert await replays.get(connection, "key_1", "key:2") is not None
        assert list((await connection.execute(select(rates.c.name))).scalars()) == ["busy"]


async def told(database: Database, number: int, *, ago: timedelta, ended: bool = True, job_id: str = "task_gone") -> None:
    """A webhook with one try: at that time it was delivered, or is to be tried again."""
    at, state = NOW - ago, WebhookState.DELIVERED if ended else WebhookState.PENDING
    webhook = Webhook(
        id=f"evt_{number}",
        key_id="key_1",
        job_id=job_id,
        url="https://app.example.com/hook",
        type="video.completed",
        created_at=at,
        due=at,
    )
    async with database.write() as connection:
        await webhooks.insert(connection, webhook)
        await webhooks.note_try(connection, webhook, WebhookTry(at=at, status=200), state, None if ended else at, at)


async def remembered(database: Database) -> tuple[set[str], set[str]]:
    """The ids of the webhooks that are there, and of those of which a try is there."""
    async with database.read() as connection:
        found = {webhook.id for webhook in await webhooks.page(connection, WebhookFilter())}
        return found, set((await connection.execute(select(webhook_tries.c.webhook_id))).scalars())


@pytest.mark.parametrize(
    ("days", "left"),
    [(None, {"evt_1", "evt_2", "evt_4"}), (90, {"evt_1", "evt_2", "evt_4"}), (7, {"evt_1", "evt_4"}), (0.5, {"evt_4"})],
)
async def test_ended_webhooks_go_with_their_tries_after_thirty_days_or_sooner_as_jobs_do(
    shelf: Shelf, days: float | None, left: set[str]
) -> None:
    for number, ago in ((1, 1), (2, 29), (3, 31)):
        await told(shelf.database, number, ago=ago * DAY)
    await told(shelf.database, 4, ago=31 * DAY, ended=False)
    await retention(shelf, days).tidy()
    assert await remembered(shelf.database) == (left, left)


async def test_more_than_one_batch_of_webhooks_goes_at_once(shelf: Shelf) -> None:
    for number in range(230):
        await told(shelf.database, number, ago=31 * DAY)
    await retention(shelf, days=None).tidy()
    assert await remembered(shelf.database) == (set(), set())


async def test_a_job_that_goes_leaves_what_is_still_to_be_told_of_it_to_the_one_who_tells(shelf: Shelf) -> None:
    await ended(shelf, 1, NOW - 2 * DAY)
    await told(shelf.database, 1, ago=2 * DAY, ended=False, job_id="task_1")
    await retention(shelf).tidy()
    assert await count(shelf.database) == 0
    async with shelf.database.write() as connection:
        (claimed,) = await webhooks.claim(connection, now=NOW, until=NOW + DAY, limit=1)
    assert (claimed.id, claimed.job_id) == ("evt_1", "task_1")

"""Equal requests take turns, answers are kept sealed, and what a dead process owed is made from its job."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.domain.errors import NotFound
from app.domain.jobs import Failure, Job, Snapshot, Stage, advance, fail
from app.domain.jobs import JobStatus as Status
from app.domain.replays import Replay, ReplayName, StoredAnswer, handed_over, key_name, over, task_name
from app.engine.assets import FolderAssets
from app.engine.kept_answers import INLINE, KeptAnswers
from app.engine.replays import RETRY_WINDOW, Replays
from app.engine.turns import Refusals, Turns
from app.engine.watching import Watching
from app.store import jobs as job_store
from app.store import replays as replay_store
from app.store import workers as worker_store
from app.store.database import Database
from app.store.secrets import Vault
from app.store.tables import jobs as job_table
from app.store.tables import replays as table
from tests.databases import database, database_url
from tests.store.samples import NOW, SECOND, job

pytestmark = pytest.mark.anyio

__all__ = ["database", "database_url"]  # fixtures

ME, OTHER = "worker_me", "worker_other"
NAMES = (key_name("k"),)
ANSWER = StoredAnswer(200, {"content-type": "application/json"}, '{"prompt": "a paper bøat"}'.encode())
JOB = replace(job(1), fingerprint="f1", stage=Stage.SENDING)


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    at: datetime = field(default=NOW + 2 * SECOND)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def replays(database: Database, tmp_path: Path, clock: Clock) -> Replays:
    """The memory of the process `ME`; both processes are registered."""
    async with database.write() as connection:
        for worker in (ME, OTHER):
            await worker_store.beat(connection, worker_store.Worker(worker, "here", 1, NOW, NOW))
    answers = KeptAnswers(database, FolderAssets(tmp_path / "files"), Vault(["secret"]))
    return Replays(database, answers, Watching(), clock, ME)


async def made(replays: Replays, one: Job, *, owner: str, names: tuple[ReplayName, ...] = NAMES) -> Replay:
    """A job with its names; returns what the first name stands for."""
    async with replays.database.write() as connection:
        await job_store.insert(connection, one, owner=owner)
        for name in names:
            await replay_store.insert(connection, name.of(one, NOW))
    return names[0].of(one, NOW)


async def recorded(replays: Replays, one: Job) -> None:
    """Writes a job as it is now."""
    async with replays.database.write() as connection:
        await job_store.record(connection, one)
    replays.watching.tell(one)


def accepted(one: Job = JOB) -> Job:
    """The job, as its vendor accepted it just now."""
    return advance(one, Snapshot(Status.QUEUED, upstream_id="u1"), NOW + 2 * SECOND)


def failed(one: Job, code: str) -> Job:
    return fail(one, Failure(code, code), NOW + 2 * SECOND)


async def test_the_second_of_equal_requests_waits_for_the_first_and_gets_its_answer() -> None:
    turns = Turns()
    with turns.taken("key_a", ["key:k", "task:t"], "f1") as first:
        found = turns.of("key_a", ["key:other", "task:t"])
        assert found == ("task:t", first)
        assert turns.of("key_b", ["key:k"]) is None
        waiting = [asyncio.create_task(first.over()) for _ in range(3)]
        first.answer = ANSWER
    assert await asyncio.gather(*waiting) == [ANSWER] * 3
    assert turns.of("key_a", ["key:k", "task:t"]) is None


async def test_a_request_that_breaks_lets_the_others_look_for_themselves() -> None:
    turns = Turns()
    with turns.taken("key_a", ["key:k"], "f1") as first:
        pass
    assert await first.over() is None


async def test_the_later_of_two_turns_of_a_name_outlives_the_earlier_one() -> None:
    turns = Turns()
    with turns.taken("key_a", ["print:f1"], "f1"):
        later = turns.taken("key_a", ["print:f1"], "f1")
        second = later.__enter__()
    assert turns.of("key_a", ["print:f1"]) == ("print:f1", second)
    later.__exit__(None, None, None)
    assert turns.of("key_a", ["print:f1"]) is None


def test_each_refusal_makes_room_for_one_retry_and_is_soon_forgotten() -> None:
    refusals = Refusals()
    refusals.note("key_a", "f1", NOW)
    refusals.note("key_a", "f1", NOW + SECOND)
    assert [refusals.take("key_a", "f1", NOW + SECOND) for _ in range(3)] == [True, True, False]
    refusals.note("key_a", "f1", NOW)
    assert not refusals.take("key_b", "f1", NOW)
    assert not refusals.take("key_a", "f2", NOW)
    assert not refusals.take("key_a", "f1", NOW + timedelta(minutes=2))


def test_a_request_that_was_refused_unread_may_be_any_of_its_key() -> None:
    refusals = Refusals()
    refusals.note("key_a", "", NOW)
    assert not refusals.take("key_b", "f1", NOW)
    assert [refusals.take("key_a", "f1", NOW) for _ in range(2)] == [True, False]


def test_refusals_do_not_pile_up() -> None:
    refusals = Refusals()
    for number in range(10_050):
        refusals.note("key_a", f"f{number}", NOW)
    assert not refusals.take("key_a", "f0", NOW)
    assert refusals.take("key_a", "f10049", NOW)


async def test_an_answer_comes_back_byte_for_byte_and_is_sealed_in_the_database(replays: Replays) -> None:
    replay = await made(replays, JOB, owner=ME)
    assert await replays.answers.keep("key_a", NAMES, ANSWER) == ANSWER
    assert await replays.outcome(JOB.id, replay, handed_over) == ANSWER
    async with replays.database.read() as connection:
        body = (await connection.execute(select(table.c.body))).scalar_one()
    assert b"paper" not in body


async def test_a_large_answer_is_a_file_of_each_name(replays: Replays, tmp_path: Path) -> None:
    names = (*NAMES, task_name("t"))
    replay = await made(replays, JOB, owner=ME, names=names)
    large = replace(ANSWER, body=b"x" * (INLINE + 1))
    await replays.answers.keep("key_a", names, large)
    assert len(list((tmp_path / "files").rglob("answer-*"))) == 2
    assert await replays.outcome(JOB.id, replay, handed_over) == large


async def test_the_earlier_of_two_answers_counts_and_the_later_leaves_no_file(replays: Replays, tmp_path: Path) -> None:
    await made(replays, JOB, owner=ME)
    await replays.answers.keep("key_a", NAMES, ANSWER)
    later = replace(ANSWER, body=b"x" * (INLINE + 1))
    assert await replays.answers.keep("key_a", NAMES, later) == ANSWER
    assert list((tmp_path / "files").rglob("answer-*")) == []


async def test_an_answer_that_cannot_be_written_is_given_all_the_same(replays: Replays, tmp_path: Path) -> None:
    (tmp_path / "files").write_bytes(b"in the way of the folder")
    large = replace(ANSWER, body=b"x" * (INLINE + 1))
    assert await replays.answers.keep("key_a", NAMES, large) is large


async def test_an_answer_that_another_secret_sealed_is_made_again(replays: Replays) -> None:
    replay = await made(replays, accepted(), owner=ME)
    other = KeptAnswers(replays.database, replays.answers.assets, Vault(["another secret"]))
    await other.keep("key_a", NAMES, ANSWER)
    found = await replays.outcome(JOB.id, replay, handed_over)
    assert isinstance(found, Job)
    assert await replays.answers.keep("key_a", NAMES, ANSWER) == ANSWER


async def test_an_answer_whose_file_is_gone_is_made_again(replays: Replays, tmp_path: Path) -> None:
    replay = await made(replays, accepted(), owner=ME)
    await replays.answers.keep("key_a", NAMES, replace(ANSWER, body=b"x" * (INLINE + 1)))
    for path in (tmp_path / "files").rglob("answer-*"):
        path.unlink()
    assert isinstance(await replays.outcome(JOB.id, replay, handed_over), Job)


async def test_a_name_is_found_until_it_expires_and_its_file_goes_with_it(replays: Replays, clock: Clock, tmp_path: Path) -> None:
    replay = await made(replays, JOB, owner=ME)
    await replays.answers.keep("key_a", NAMES, replace(ANSWER, body=b"x" * (INLINE + 1)))
    found = await replays.find("key_a", NAMES)
    assert found is not None
    assert replace(found, answer=None) == replay
    assert await replays.find("key_b", NAMES) is None
    clock.at = NOW + timedelta(hours=24)
    assert await replays.find("key_a", NAMES) is None
    assert list((tmp_path / "files").rglob("answer-*")) == []


async def test_a_job_from_before_names_were_recorded_is_found_by_its_task_id(replays: Replays) -> None:
    async with replays.database.write() as connection:
        await job_store.insert(connection, job(1, client_task_id="t"), owner=ME)
    found = await replays.find("key_a", (key_name("k"), task_name("t")))
    assert found is not None
    assert (found.job_id, found.fingerprint) == (job(1).id, "")


async def test_a_job_of_this_process_that_nobody_answers_any_more_is_answered_from_the_job(replays: Replays) -> None:
    replay = await made(replays, accepted(), owner=ME)
    found = await replays.outcome(JOB.id, replay, handed_over)
    assert isinstance(found, Job)
    assert found.id == JOB.id


async def test_the_answer_of_another_process_is_waited_for(replays: Replays) -> None:
    replay = await made(replays, accepted(), owner=OTHER)
    waiting = asyncio.create_task(replays.outcome(JOB.id, replay, handed_over))
    await asyncio.wait({waiting}, timeout=0.15)
    assert not waiting.done()
    await replays.answers.keep("key_a", NAMES, ANSWER)
    assert await asyncio.wait_for(waiting, 5) == ANSWER


async def test_an_answer_is_not_waited_for_longer_than_its_process_can_need(replays: Replays, clock: Clock) -> None:
    replay = await made(replays, accepted(), owner=OTHER)
    clock.at = NOW + 12 * SECOND
    assert isinstance(await asyncio.wait_for(replays.outcome(JOB.id, replay, handed_over), 5), Job)


async def test_an_open_job_is_waited_for_until_it_is_as_far_as_the_answer_needs(replays: Replays) -> None:
    replay = await made(replays, JOB, owner=ME)
    waiting = asyncio.create_task(replays.outcome(JOB.id, replay, over))
    await recorded(replays, accepted())
    await asyncio.wait({waiting}, timeout=0.15)
    assert not waiting.done()
    ended = failed(accepted(), "deadline_exceeded")
    await recorded(replays, ended)
    found = await asyncio.wait_for(waiting, 5)
    assert isinstance(found, Job)
    assert found.status is Status.FAILED


async def test_what_a_dead_process_owed_is_answered_from_its_job_once_somebody_took_it_over(replays: Replays) -> None:
    replay = await made(replays, JOB, owner=OTHER)
    waiting = asyncio.create_task(replays.outcome(JOB.id, replay, handed_over))
    await asyncio.wait({waiting}, timeout=0.1)
    async with replays.database.write() as connection:
        await worker_store.forget(connection, OTHER)
        await connection.execute(update(job_table).values(lease_owner="worker_third"))
    await recorded(replays, failed(JOB, "upstream_outcome_unknown"))
    found = await asyncio.wait_for(waiting, 5)
    assert isinstance(found, Job)
    assert found.failure is not None
    assert found.failure.code == "upstream_outcome_unknown"


async def test_who_waits_for_a_name_that_is_freed_looks_again(replays: Replays) -> None:
    replay = await made(replays, JOB, owner=OTHER)
    waiting = asyncio.create_task(replays.outcome(JOB.id, replay, handed_over))
    await asyncio.wait({waiting}, timeout=0.1)
    await replays.release(JOB.id)
    assert await asyncio.wait_for(waiting, 5) is None


async def test_a_job_that_was_deleted_unanswered_is_not_made_again(replays: Replays) -> None:
    replay = await made(replays, JOB, owner=ME)
    async with replays.database.write() as connection:
        await job_store.record(connection, failed(JOB, "cancelled"))
        await job_store.delete_one(connection, JOB.id, "key_a")
    with pytest.raises(NotFound, match="deleted"):
        await replays.outcome(JOB.id, replay, handed_over)


async def test_a_stream_waits_for_nothing(replays: Replays) -> None:
    replay = await made(replays, JOB, owner=OTHER)
    assert isinstance(await replays.outcome(JOB.id, replay, None), Job)


async def test_an_sdks_retry_finds_the_newest_equal_job_within_its_window(replays: Replays, clock: Clock) -> None:
    await made(replays, accepted(), owner=ME)
    found = await replays.retried("key_a", "f1")
    assert found is not None
    assert found.id == JOB.id
    assert await replays.retried("key_a", "f2") is None
    assert await replays.retried("key_b", "f1") is None
    clock.at = JOB.created_at + RETRY_WINDOW + SECOND
    assert await replays.retried("key_a", "f1") is None


async def test_the_retry_of_a_refused_request_is_not_taken_for_that_of_an_equal_one(replays: Replays, clock: Clock) -> None:
    await made(replays, accepted(), owner=ME)
    replays.refusals.note("key_a", "f1", clock.at)
    assert [await replays.retried("key_a", "f1") is None for _ in range(2)] == [True, False]


async def test_an_sdks_retry_runs_where_the_first_try_started_nothing(replays: Replays) -> None:
    await made(replays, JOB, owner=ME)
    await recorded(replays, failed(JOB, "upstream_unreachable"))
    assert await replays.retried("key_a", "f1") is None


async def test_a_job_is_mine_when_this_process_runs_it(replays: Replays) -> None:
    mine = await made(replays, JOB, owner=ME)
    theirs = await made(replays, replace(job(2), fingerprint="f2"), owner=OTHER, names=(key_name("other"),))
    assert [await replays.mine(replay) for replay in (mine, theirs)] == [True, False]

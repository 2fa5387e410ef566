"""Names of requests: taken once, answered once, freed when their time is over."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.jobs import Failure, fail
from app.domain.replays import Replay, StoredAnswer, key_name, task_name
from app.store import jobs, replays, workers
from app.store.database import Database
from tests.store.samples import HARD_TEXT, NOW, SECOND, job

pytestmark = pytest.mark.anyio

NAME = key_name(HARD_TEXT)
REPLAY = NAME.of(replace(job(1), fingerprint="f1"), NOW)
ANSWER = StoredAnswer(200, {"content-type": "application/json"}, b"\x00\xff{}")


async def insert(database: Database, *given: Replay) -> list[bool]:
    """Takes the names."""
    async with database.write() as connection:
        return [await replays.insert(connection, replay) for replay in given]


async def got(database: Database, name: str, key_id: str = "key_a") -> Replay | None:
    """What the name stands for."""
    async with database.read() as connection:
        return await replays.get(connection, key_id, name)


async def answered(database: Database, replay: Replay, given: StoredAnswer) -> bool:
    """Answers a name."""
    async with database.write() as connection:
        return await replays.answer(connection, replay.key_id, replay.name, given)


async def test_a_name_comes_back_as_it_was_taken(database: Database) -> None:
    assert await insert(database, REPLAY) == [True]
    assert await got(database, NAME.name) == REPLAY
    assert await got(database, "key:other") is None


async def test_a_name_is_taken_once_for_each_key(database: Database) -> None:
    again, theirs = replace(REPLAY, job_id="job_2", fingerprint="f2"), replace(REPLAY, key_id="key_b")
    assert await insert(database, REPLAY, again, theirs) == [True, False, True]
    assert await got(database, NAME.name) == REPLAY


async def test_of_many_at_once_one_takes_the_name(database: Database) -> None:
    taken = await asyncio.gather(*(insert(database, replace(REPLAY, job_id=f"job_{number}")) for number in range(20)))
    assert sorted(taken) == [[False]] * 19 + [[True]]


async def test_a_name_goes_with_the_transaction_that_took_it(database: Database) -> None:
    async def undone() -> None:
        async with database.write() as connection:
            await replays.insert(connection, REPLAY)
            raise LookupError

    with pytest.raises(LookupError):
        await undone()
    assert await got(database, NAME.name) is None


async def test_the_first_answer_stays(database: Database) -> None:
    await insert(database, REPLAY)
    later = StoredAnswer(502, {}, None, "answer-1.json")
    assert [await answered(database, REPLAY, given) for given in (ANSWER, later)] == [True, False]
    assert await got(database, NAME.name) == replace(REPLAY, answer=ANSWER)


async def test_an_answer_may_be_a_file(database: Database) -> None:
    await insert(database, REPLAY)
    given = StoredAnswer(200, {}, None, "answer-1.json")
    await answered(database, REPLAY, given)
    assert await got(database, NAME.name) == replace(REPLAY, answer=given)


async def test_a_free_name_is_not_answered(database: Database) -> None:
    assert not await answered(database, REPLAY, ANSWER)


async def test_purge_removes_what_has_expired_in_batches_and_names_its_files(database: Database) -> None:
    day = timedelta(hours=24)
    old = [replace(REPLAY, name=f"key:{number}", expires_at=NOW + number * SECOND) for number in range(3)]
    await insert(
        database, *old, replace(REPLAY, name="key:young", expires_at=NOW + day), replace(REPLAY, name="task:x", expires_at=None)
    )
    await answered(database, old[0], StoredAnswer(200, {}, None, "answer-0.json"))
    async with database.write() as connection:
        first = await replays.purge(connection, NOW + 2 * SECOND, 2)
    left = [replay.name for replay in old if await got(database, replay.name)]
    async with database.write() as connection:
        second = await replays.purge(connection, NOW + 2 * SECOND, 2)
    assert (first, left, second) == (["answer-0.json"], ["key:2"], [])
    assert [await got(database, name) is None for name in ("key:2", "key:young", "task:x")] == [True, False, False]


async def test_only_an_expired_name_is_forgotten_as_expired(database: Database) -> None:
    await insert(database, REPLAY)
    await answered(database, REPLAY, StoredAnswer(200, {}, None, "answer-0.json"))
    async with database.write() as connection:
        early = await replays.forget_expired(connection, "key_a", NAME.name, NOW)
        late = await replays.forget_expired(connection, "key_a", NAME.name, NOW + timedelta(hours=24))
    assert (early, late) == (None, "answer-0.json")
    assert await got(database, NAME.name) is None


async def test_a_deleted_job_frees_its_task_id_and_keeps_its_key(database: Database) -> None:
    task = task_name("order-9").of(job(1), NOW)
    await insert(database, REPLAY, task, replace(task, name="task:other", job_id="job_other"))
    await answered(database, task, StoredAnswer(200, {}, None, "answer-0.json"))
    async with database.write() as connection:
        files = await replays.forget_job(connection, REPLAY.job_id)
    assert files == ["answer-0.json"]
    assert [await got(database, name) is None for name in (task.name, NAME.name, "task:other")] == [True, False, False]


async def test_release_frees_every_unanswered_name_of_a_job(database: Database) -> None:
    first = job(1, client_task_id="order-9")
    async with database.write() as connection:
        await jobs.insert(connection, first, owner="w1")
        await jobs.record(connection, fail(first, Failure("upstream_error", "no"), NOW))
    task = task_name("order-9").of(first, NOW)
    await insert(database, REPLAY, task)
    async with database.write() as connection:
        await replays.release(connection, first.id)
        again = await jobs.insert(connection, job(2, client_task_id="order-9"), owner="w1")
    assert [await got(database, name) for name in (task.name, NAME.name)] == [None, None]
    assert again is not None
    async with database.read() as connection:
        released = await jobs.get(connection, first.id)
    assert released is not None
    assert released.asked.client_task_id == "order-9"


async def test_release_leaves_an_answered_name_alone(database: Database) -> None:
    await insert(database, REPLAY)
    await answered(database, REPLAY, ANSWER)
    async with database.write() as connection:
        await replays.release(connection, REPLAY.job_id)
    assert await got(database, NAME.name) is not None


async def test_the_newest_equal_job_of_a_key_is_found_within_the_window(database: Database) -> None:
    made = [replace(job(number), fingerprint="f1") for number in (1, 2, 3)]
    part, other = replace(job(4), fingerprint="f1", parent_id=made[0].id), replace(job(5), fingerprint="f2")
    theirs = replace(job(6, key_id="key_b"), fingerprint="f1")
    async with database.write() as connection:
        for one in (*made, part, other, theirs):
            await jobs.insert(connection, one, owner=None)
    async with database.read() as connection:
        found = await replays.newest_job(connection, "key_a", "f1", NOW)
        late = await replays.newest_job(connection, "key_a", "f1", NOW + 4 * SECOND)
    assert found is not None
    assert found.id == made[2].id
    assert late is None


async def test_the_owner_of_a_job_lives_while_it_is_registered(database: Database) -> None:
    async with database.write() as connection:
        await jobs.insert(connection, job(1), owner="w1")
        await jobs.insert(connection, job(2), owner="w2")
        await workers.beat(connection, workers.Worker("w1", "here", 1, NOW, NOW))
    async with database.read() as connection:
        owners = [await replays.living_owner(connection, name) for name in (job(1).id, job(2).id, "job_none")]
    assert owners == ["w1", None, None]

"""Jobs survive the trip to the database and back, stay with their key, and end once."""

import asyncio
from dataclasses import MISSING, fields, replace

import pytest
from sqlalchemy import text

from app.domain.jobs import Failure, Job, JobStatus, Output, Stage, fail
from app.domain.json import JsonObject
from app.store import attempts, jobs
from app.store.database import Database
from tests.store.samples import HARD_TEXT, NOW, SECOND, attempt, full_job, job

pytestmark = pytest.mark.anyio


async def insert(database: Database, *given: Job) -> list[Job]:
    """Stores the jobs, leased to worker w1."""
    async with database.write() as connection:
        stored = [await jobs.insert(connection, one, owner="w1") for one in given]
    return [one for one in stored if one is not None]


def ended(given: Job, word: str = "done") -> Job:
    """The job, failed with this word."""
    return fail(given, Failure(word, word), NOW)


def test_the_full_sample_leaves_no_field_at_its_default() -> None:
    sample = full_job()
    given_by_store = {"number", "parent_id", "callback"}  # `callback` matters only while the job is being submitted
    for field in fields(Job):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        assert field.name in given_by_store or getattr(sample, field.name) != default, field.name


async def test_every_field_of_a_new_job_comes_back(database: Database) -> None:
    given = replace(full_job(), private=False)  # of a private one less comes back
    (stored,) = await insert(database, given)
    async with database.read() as connection:
        found = await jobs.get(connection, "job_full")
    assert found == stored == replace(given, number=stored.number)
    assert stored.number > 0
    assert found is not None
    assert found.request.named == {"duration": "seconds"}
    assert found.asked.media[0].param == "image_url"


async def test_every_field_that_may_change_is_written_by_record(database: Database) -> None:
    plain = replace(job(), id="job_full", created_at=NOW, asked=full_job().asked, remixed_from="job_old")
    (stored,) = await insert(database, plain)
    wanted = replace(
        full_job(), number=stored.number, private=False, fingerprint=None, callback_url=None, base_url=None
    )  # fixed when it was made
    async with database.write() as connection:
        assert await jobs.record(connection, wanted, owner="w1", sending=True)
    async with database.read() as connection:
        assert await jobs.get(connection, "job_full") == wanted


async def test_what_was_sent_stays_as_it_was_when_news_are_recorded(database: Database) -> None:
    sent = replace(full_job(), status=JobStatus.QUEUED, stage=Stage.SENDING, outputs=(), private=False)
    (stored,) = await insert(database, sent)
    news = replace(stored, status=JobStatus.IN_PROGRESS, progress=40, facts={"path": "x"}, upstream_model="other", settings={})
    async with database.write() as connection:
        assert await jobs.record(connection, news, owner="w1")
    async with database.read() as connection:
        found = await jobs.get(connection, stored.id)
    assert found == replace(news, upstream_model=sent.upstream_model, settings=sent.settings)


async def test_a_job_without_extras_comes_back_as_it_was(database: Database) -> None:
    (stored,) = await insert(database, job(op="image"))
    async with database.read() as connection:
        assert await jobs.get(connection, stored.id) == stored


async def test_inline_bytes_are_not_stored(database: Database) -> None:
    (stored,) = await insert(database, job())
    picture = Output(data=b"pixels", mime="image/png", asset="a/1")
    async with database.write() as connection:
        await jobs.record(connection, replace(stored, outputs=(picture,)))
    async with database.read() as connection:
        found = await jobs.get(connection, stored.id)
        rows = (await connection.execute(text("SELECT outputs FROM jobs"))).scalars().all()
    assert found is not None
    assert found.outputs == (replace(picture, data=None),)
    assert "data" not in rows[0]


async def test_a_part_of_the_result_that_a_newer_process_wrote_is_left_out(database: Database) -> None:
    (stored,) = await insert(database, full_job())
    async with database.write() as connection:
        await connection.execute(text("""UPDATE jobs SET usage = '{"images": 2, "moons": 1}', made = '{"fps": 24, "hue": 3}'"""))
    async with database.read() as connection:
        found = await jobs.get(connection, stored.id)
    assert found is not None
    assert found.usage is not None
    assert (found.usage.images, found.fps, found.seconds) == (2, 24, None)


async def test_what_a_database_cannot_hold_in_a_vendors_text_does_not_lose_the_job(database: Database) -> None:
    (stored,) = await insert(database, job())
    accepted = replace(stored, upstream_id="up\0\ud800-1", resolution="720p\0", failure=Failure("x", "\ud83d"))
    async with database.write() as connection:
        assert await jobs.record(connection, accepted)
    async with database.read() as connection:
        found = await jobs.get(connection, stored.id)
    assert found == replace(accepted, upstream_id="up\ufffd\ufffd-1")


async def test_row_numbers_rise_and_are_not_used_twice(database: Database) -> None:
    first, second = await insert(database, job(1), job(2))
    async with database.write() as connection:
        assert await jobs.record(connection, ended(second))
        assert await jobs.delete_one(connection, second.id, "key_a")
    (third,) = await insert(database, job(3))
    assert first.number < second.number < third.number


async def test_another_keys_job_is_absent(database: Database) -> None:
    (mine,) = await insert(database, job())
    async with database.write() as connection:
        assert await jobs.get(connection, mine.id, key_id="key_a") == mine
        assert await jobs.get(connection, mine.id, key_id="key_b") is None
        assert await jobs.page(connection, key_id="key_b", limit=10) == []
        assert await jobs.record(connection, ended(mine))
        assert not await jobs.delete_one(connection, mine.id, "key_b")
        assert await jobs.get(connection, mine.id) is not None


async def test_parts_of_a_job_are_absent_for_clients(database: Database) -> None:
    whole, part, other = job(1, client_task_id="t"), job(2, client_task_id="t"), job(3)
    whole, part, other = await insert(database, whole, replace(part, parent_id=whole.id), replace(other, parent_id=whole.id))
    async with database.read() as connection:
        assert await jobs.get(connection, part.id, key_id="key_a") is None
        assert await jobs.get(connection, part.id) == part
        assert await jobs.page(connection, key_id="key_a", limit=10) == [whole]
        assert await jobs.page(connection, key_id="key_a", limit=10, order="asc", after=part.id) == []
        assert await jobs.children(connection, whole.id) == [part, other]
        assert await jobs.admin_page(connection) == [other, part, whole]
        assert await jobs.by_client_task(connection, "key_a", "t") == whole


async def test_deleting_a_job_takes_its_parts_and_tries_along(database: Database) -> None:
    whole, part = await insert(database, job(1), replace(job(2), parent_id=job(1).id))
    async with database.write() as connection:
        await attempts.insert_one(connection, attempt(part))
        await jobs.record(connection, ended(whole))
        assert not await jobs.delete_one(connection, part.id, "key_a")
        assert await jobs.delete_one(connection, whole.id, "key_a")
        assert await jobs.get(connection, part.id) is None
        assert await attempts.of_job(connection, part.id) == ()


async def test_a_job_is_deleted_only_when_it_has_ended(database: Database) -> None:
    (stored,) = await insert(database, job())
    async with database.write() as connection:
        assert not await jobs.delete_one(connection, stored.id, "key_a")
        await jobs.record(connection, replace(stored, status=JobStatus.IN_PROGRESS))
        assert not await jobs.delete_one(connection, stored.id, "key_a")
        await jobs.record(connection, ended(stored))
        assert await jobs.delete_one(connection, stored.id, "key_a")
        assert not await jobs.delete_one(connection, stored.id, "key_a")
        assert await jobs.get(connection, stored.id) is None


async def test_an_ended_job_never_changes(database: Database) -> None:
    (stored,) = await insert(database, job())
    async with database.write() as connection:
        assert await jobs.record(connection, ended(stored, "first"))
        assert not await jobs.record(connection, ended(stored, "second"))
        assert not await jobs.record(connection, replace(stored, progress=50))
        found = await jobs.get(connection, stored.id)
    assert found == ended(stored, "first")


async def test_a_worker_that_lost_the_lease_cannot_write(database: Database) -> None:
    (stored,) = await insert(database, job())
    async with database.write() as connection:
        assert not await jobs.record(connection, ended(stored), owner="w2")
        assert await jobs.record(connection, replace(stored, stage=Stage.SENDING), owner="w1")
        assert await jobs.record(connection, ended(stored), owner=None)


async def test_of_two_writers_that_end_a_job_exactly_one_wins_in_each_of_200_rounds(database_url: str) -> None:
    first, second = Database.open(database_url), Database.open(database_url)
    await insert(first, *(job(number) for number in range(200)))

    async def end(database: Database, word: str, number: int) -> bool:
        async with database.write() as connection:
            return await jobs.record(connection, ended(job(number), word), owner="w1")

    for number in range(200):
        won = await asyncio.gather(end(first, "first", number), end(second, "second", number))
        assert sorted(won) == [False, True]
        async with first.read() as connection:
            found = await jobs.get(connection, job(number).id)
        assert found is not None
        assert found.failure is not None
        assert found.failure.code == ("first" if won[0] else "second")
    await first.close()
    await second.close()


async def test_a_name_given_by_the_client_is_taken_once_per_key(database: Database) -> None:
    (mine,) = await insert(database, job(1, client_task_id="🎫"))
    async with database.write() as connection:
        again = job(2, client_task_id="🎫")
        assert await jobs.insert(connection, again, owner="w1", attempt=attempt(again)) is None
        assert await jobs.get(connection, again.id) is None
        theirs = await jobs.insert(connection, job(3, key_id="key_b", client_task_id="🎫"), owner="w1")
        assert await jobs.by_client_task(connection, "key_a", "🎫") == mine
        assert await jobs.by_client_task(connection, "key_b", "🎫") == theirs
        assert await jobs.by_client_task(connection, "key_c", "🎫") is None


async def test_parallel_creates_with_one_name_make_one_job(database_url: str) -> None:
    databases = [Database.open(database_url), Database.open(database_url)]

    async def create(number: int) -> bool:
        async with databases[number % 2].write() as connection:
            return await jobs.insert(connection, job(number, client_task_id="one"), owner=None) is not None

    made = await asyncio.gather(*(create(number) for number in range(20)))
    assert made.count(True) == 1
    async with databases[0].read() as connection:
        assert await jobs.open_count(connection) == 1
    for database in databases:
        await database.close()


async def test_a_page_turn_shows_each_job_once_while_new_ones_arrive(database: Database) -> None:
    given = await insert(database, *(job(number) for number in range(10)))
    seen: list[str] = []
    after: str | None = None
    for turn in range(6):
        async with database.read() as connection:
            shown = await jobs.page(connection, key_id="key_a", op="video", limit=3, after=after)
        seen += [one.id for one in shown]
        after = seen[-1]
        await insert(database, job(100 + turn))
    assert seen == [one.id for one in reversed(given)]


async def test_jobs_of_the_same_microsecond_are_paged_by_id(database: Database) -> None:
    given = await insert(database, *(replace(job(number), created_at=NOW) for number in (3, 1, 2)))
    ids = sorted(one.id for one in given)
    async with database.read() as connection:
        first = await jobs.page(connection, key_id="key_a", limit=2, order="asc")
        rest = await jobs.page(connection, key_id="key_a", limit=2, order="asc", after=first[-1].id)
    assert [one.id for one in (*first, *rest)] == ids


async def test_a_page_holds_one_kind_in_either_order(database: Database) -> None:
    one, two, picture = await insert(database, job(1), job(2), job(3, op="image"))
    async with database.read() as connection:
        assert await jobs.page(connection, key_id="key_a", op="video", limit=9, order="asc") == [one, two]
        assert await jobs.page(connection, key_id="key_a", op="video", limit=9) == [two, one]
        assert await jobs.page(connection, key_id="key_a", op="image", limit=9) == [picture]
        assert await jobs.page(connection, key_id="key_a", limit=9) == [picture, two, one]


async def test_a_page_after_an_unknown_or_foreign_job_is_empty(database: Database) -> None:
    _, theirs = await insert(database, job(1), job(2, key_id="key_b"))
    async with database.read() as connection:
        for after in ("job_none", theirs.id, "%", "' OR 1=1"):
            assert await jobs.page(connection, key_id="key_a", limit=9, after=after) == []
            assert await jobs.page(connection, key_id="key_a", limit=9, order="asc", after=after) == []


async def test_the_operators_page_filters_and_turns(database: Database) -> None:
    one, two, three = await insert(
        database, job(1), replace(job(2, key_id="key_b"), channel_id="ch_2"), replace(job(3), model="film-2")
    )
    async with database.write() as connection:
        await jobs.record(connection, ended(one))
        assert await jobs.admin_page(connection, status=JobStatus.FAILED) == [ended(one)]
        assert await jobs.admin_page(connection, key_id="key_b") == [two]
        assert await jobs.admin_page(connection, channel="ch_2") == [two]
        assert await jobs.admin_page(connection, model="film-2") == [three]
        assert await jobs.admin_page(connection, status=JobStatus.QUEUED, key_id="key_a") == [three]
        assert await jobs.admin_page(connection, limit=2) == [three, two]
        assert await jobs.admin_page(connection, before=two.id) == [ended(one)]
        assert await jobs.admin_page(connection, before="job_none") == []


async def test_many_jobs_are_read_at_once(database: Database) -> None:
    one, two, _ = await insert(database, job(1), job(2), job(3))
    async with database.read() as connection:
        assert await jobs.get_many(connection, [two.id, "job_none", one.id]) == [one, two]
        assert await jobs.get_many(connection, []) == []


async def test_open_jobs_are_counted_by_key_and_channel(database: Database) -> None:
    one, _, _ = await insert(database, job(1), replace(job(2), channel_id="ch_1"), job(3, key_id="key_b"))
    async with database.write() as connection:
        await jobs.record(connection, ended(one))
        assert await jobs.open_count(connection) == 2
        assert await jobs.open_count(connection, key_id="key_a") == 1
        assert await jobs.open_count(connection, key_id="key_a", channel_id="ch_2") == 0


async def test_the_route_is_kept(database: Database) -> None:
    first: list[JsonObject] = [{"channel": "ch_1", "eligible": False, "reason": HARD_TEXT + "\0"}]
    async with database.write() as connection:
        stored = await jobs.insert(connection, job(), owner="w1", route=first)
        assert stored is not None
        await jobs.record(connection, replace(stored, progress=1))
        assert await jobs.route_of(connection, stored.id) == first
        assert await jobs.route_of(connection, "job_none") == []


async def test_a_try_is_stored_with_its_job_and_finished_later(database: Database) -> None:
    sending = attempt(job())
    ended_try = replace(
        sending, ended_at=NOW + SECOND, status=502, reply="<html>\0\ud800", request_id="r-1", outcome="maybe_sent", detail=HARD_TEXT
    )
    async with database.write() as connection:
        assert await jobs.insert(connection, job(), owner="w1", attempt=sending) is not None
        await attempts.insert_one(connection, attempt(job(), 2))
    async with database.write() as connection:
        await attempts.finish(connection, ended_try)
    async with database.read() as connection:
        found = await attempts.of_job(connection, job().id)
    assert found == (replace(ended_try, reply="<html>\ufffd\ufffd"), attempt(job(), 2))


async def test_who_locks_a_job_sees_what_the_writer_before_wrote(database_url: str) -> None:
    first, second = Database.open(database_url), Database.open(database_url)
    (stored,) = await insert(first, job())

    async def add_one(database: Database) -> None:
        async with database.write() as connection:
            held = await jobs.lock(connection, stored.id)
            assert held is not None
            assert await jobs.record(connection, replace(held, progress=held.progress + 1))

    await asyncio.gather(*(add_one(database) for database in (first, second) * 20))
    async with first.read() as connection:
        found = await jobs.get(connection, stored.id)
    assert found is not None
    assert found.progress == 40
    await first.close()
    await second.close()

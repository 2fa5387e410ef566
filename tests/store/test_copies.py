"""Jobs wait to be copied, one process takes each up, and a copy is written down only where it still belongs."""

from dataclasses import replace

import pytest

from app.domain.jobs import Job, JobStatus, Output, Stage
from app.store import copies, jobs
from app.store.database import Database
from tests.store.samples import NOW, SECOND, job

pytestmark = pytest.mark.anyio

FILM = Output(url="https://cdn.example.com/a.mp4")
OTHER = Output(url="https://cdn.example.com/b.mp4")


def waiting(number: int = 1, *outputs: Output, due: int | None = 0) -> Job:
    """A completed job whose results are to be copied so many seconds after NOW."""
    return replace(
        job(number),
        status=JobStatus.COMPLETED,
        stage=Stage.ENDED,
        outputs=outputs or (FILM,),
        completed_at=NOW,
        expires_at=NOW + 86_400 * SECOND,
        copy_due=None if due is None else NOW + due * SECOND,
    )


async def insert(database: Database, *given: Job) -> None:
    async with database.write() as connection:
        for one in given:
            assert await jobs.insert(connection, one, owner=None) is not None


async def read(database: Database, number: int = 1) -> Job:
    async with database.read() as connection:
        found = await jobs.get(connection, f"job_{number:06}")
    assert found is not None
    return found


async def claim(database: Database, *, at: int = 0, until: int = 300, limit: int = 4) -> list[str]:
    async with database.write() as connection:
        found = await copies.claim(connection, now=NOW + at * SECOND, until=NOW + until * SECOND, limit=limit)
    return [one.id for one in found]


async def put(database: Database, index: int, output: Output) -> Job | None:
    async with database.write() as connection:
        return await copies.put(connection, "job_000001", index, output)


async def test_what_is_due_is_claimed_once_the_longest_waiting_first(database: Database) -> None:
    await insert(database, waiting(1, due=3), waiting(2, due=1), waiting(3, due=9), waiting(4, due=None))
    assert await claim(database, at=0) == []
    assert await claim(database, at=5, limit=1) == ["job_000002"]
    assert await claim(database, at=5) == ["job_000001"]
    assert await claim(database, at=5) == []
    async with database.read() as connection:
        assert not await copies.any_due(connection, NOW + 5 * SECOND)
        assert await copies.any_due(connection, NOW + 9 * SECOND)


async def test_what_a_dead_process_claimed_is_due_again_and_what_a_living_one_keeps_is_not(database: Database) -> None:
    await insert(database, waiting(1), waiting(2))
    assert len(await claim(database, until=300)) == 2
    async with database.write() as connection:
        await copies.keep(connection, ["job_000002"], NOW + 600 * SECOND)
        await copies.keep(connection, [], NOW)
    assert await claim(database, at=300, until=900) == ["job_000001"]


async def test_a_job_that_is_done_is_neither_kept_nor_tried_again(database: Database) -> None:
    await insert(database, waiting())
    async with database.write() as connection:
        await copies.done(connection, "job_000001")
        await copies.keep(connection, ["job_000001"], NOW)
        await copies.again(connection, "job_000001", due=NOW, tries=3)
    assert (await read(database)).copy_due is None
    assert (await read(database)).copy_tries == 0


async def test_a_try_that_failed_is_counted_and_due_later(database: Database) -> None:
    await insert(database, waiting())
    async with database.write() as connection:
        await copies.again(connection, "job_000001", due=NOW + 20 * SECOND, tries=2)
    found = await read(database)
    assert (found.copy_due, found.copy_tries) == (NOW + 20 * SECOND, 2)


async def test_a_job_can_be_asked_for_later(database: Database) -> None:
    await insert(database, waiting(due=None))
    async with database.write() as connection:
        await copies.ask(connection, "job_000001", NOW)
    assert await claim(database) == ["job_000001"]


async def test_results_stop_expiring_when_the_last_of_them_is_ours(database: Database) -> None:
    await insert(database, waiting(1, FILM, OTHER))
    first = await put(database, 1, replace(OTHER, asset="b-1.mp4", mime="video/mp4"))
    assert first is not None
    assert first.expires_at is not None
    last = await put(database, 0, replace(FILM, asset="a-1.mp4", mime="video/mp4"))
    assert last is not None
    found = await read(database)
    assert [output.asset for output in found.outputs] == ["a-1.mp4", "b-1.mp4"]
    assert [output.mime for output in found.outputs] == ["video/mp4"] * 2
    assert [output.url for output in found.outputs] == [FILM.url, OTHER.url]
    assert (found.expires_at, found.status, last.outputs) == (None, JobStatus.COMPLETED, found.outputs)


@pytest.mark.parametrize(
    "stored",
    [
        replace(waiting(), outputs=(replace(FILM, asset="theirs.mp4"),)),
        replace(waiting(), outputs=(OTHER,)),
        replace(waiting(), outputs=(replace(FILM, part="job_part"),)),
        replace(waiting(), outputs=()),
        replace(waiting(), status=JobStatus.IN_PROGRESS, stage=Stage.ACCEPTED),
        waiting(2),
    ],
    ids=["copied by another", "another file", "another part's", "no longer there", "not final", "another job"],
)
async def test_a_copy_that_no_longer_belongs_is_not_written_down(database: Database, stored: Job) -> None:
    await insert(database, stored)
    assert await put(database, 0, replace(FILM, asset="ours.mp4")) is None
    async with database.read() as connection:
        found = await jobs.get(connection, stored.id)
    assert found is not None
    assert found.outputs == stored.outputs


async def put_known(database: Database, known: Job, index: int, output: Output, *, last: bool) -> Job | None:
    async with database.write() as connection:
        return await copies.put_known(connection, known, index, output, last=last)


async def test_who_knows_the_results_writes_each_copy_and_with_the_last_that_it_was_the_last(database: Database) -> None:
    known = waiting(1, FILM, OTHER)
    await insert(database, known)
    first = await put_known(database, known, 0, replace(FILM, asset="a-1.mp4", size=3, sha256="aa"), last=False)
    assert first is not None
    found = await read(database)
    assert (found.copy_due, found.expires_at, found.outputs) == (known.copy_due, known.expires_at, first.outputs)
    last = await put_known(database, first, 1, replace(OTHER, asset="b-1.mp4", mime="video/mp4"), last=True)
    assert last is not None
    found = await read(database)
    assert (found.copy_due, found.expires_at, found.outputs) == (None, None, last.outputs)
    assert [(output.url, output.asset) for output in found.outputs] == [(FILM.url, "a-1.mp4"), (OTHER.url, "b-1.mp4")]


async def test_what_was_said_of_a_private_result_is_not_needed_to_know_it(database: Database) -> None:
    known = replace(waiting(1, replace(FILM, revised_prompt="a kite")), private=True)
    await insert(database, known)
    assert await put_known(database, known, 0, replace(FILM, asset="a-1.mp4"), last=True) is not None
    found = await read(database)
    assert (found.outputs, found.copy_due) == ((replace(FILM, asset="a-1.mp4"),), None)


async def test_what_changed_meanwhile_stays_when_a_copy_is_written_down(database: Database) -> None:
    known = waiting(1, FILM, OTHER)
    await insert(database, replace(known, outputs=(FILM, replace(OTHER, asset="theirs.mp4"))))
    kept = await put_known(database, known, 0, replace(FILM, asset="ours.mp4"), last=True)
    found = await read(database)
    assert [output.asset for output in found.outputs] == ["ours.mp4", "theirs.mp4"]
    assert (found.copy_due, found.expires_at) == (None, None)
    assert kept == replace(found, copy_due=known.copy_due)


@pytest.mark.parametrize(
    "outputs", [(replace(FILM, asset="theirs.mp4"),), (OTHER,), ()], ids=["copied by another", "another file", "no longer there"]
)
async def test_a_known_copy_that_no_longer_belongs_is_not_written_down(database: Database, outputs: tuple[Output, ...]) -> None:
    await insert(database, replace(waiting(), outputs=outputs))
    assert await put_known(database, waiting(), 0, replace(FILM, asset="ours.mp4"), last=True) is None
    found = await read(database)
    assert (found.outputs, found.copy_due) == (outputs, None)


async def test_the_lookup_uses_its_index(database: Database) -> None:
    """A gateway that copied everything looks at no job at all."""
    async with database.read() as connection:
        if connection.dialect.name != "sqlite":
            return
        found = await connection.exec_driver_sql("EXPLAIN QUERY PLAN SELECT number FROM jobs WHERE copy_due <= 'x' LIMIT 1")
        assert "ix_jobs_copy" in str(found.all())

"""A variant is made once, and its file goes with its job."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.jobs import JobStatus, Stage
from app.store import jobs, variants
from app.store.database import Database
from app.store.variants import Kept, Place
from tests.store.samples import NOW, job

pytestmark = pytest.mark.anyio
PLACE = Place("job_000001", 0, "thumbnail")


async def insert(database: Database, *numbers: int) -> None:
    async with database.write() as connection:
        for number in numbers:
            ended = replace(job(number), status=JobStatus.COMPLETED, stage=Stage.ENDED, completed_at=NOW)
            assert await jobs.insert(connection, ended, owner="w1") is not None


async def keep(database: Database, place: Place, asset: str) -> Kept | None:
    async with database.write() as connection:
        return await variants.keep(connection, place, Kept(asset, "image/jpeg"))


async def get(database: Database, place: Place) -> Kept | None:
    async with database.read() as connection:
        return await variants.get(connection, place)


async def test_a_variant_is_found_by_job_output_and_name(database: Database) -> None:
    await insert(database, 1, 2)
    assert await keep(database, PLACE, "a.jpg") == Kept("a.jpg", "image/jpeg")
    assert await get(database, PLACE) == Kept("a.jpg", "image/jpeg")
    others = [replace(PLACE, job_id="job_000002"), replace(PLACE, output=1), replace(PLACE, variant="preview")]
    assert [await get(database, other) for other in others] == [None, None, None]


async def test_of_two_that_made_the_same_the_first_stands(database: Database) -> None:
    await insert(database, 1)
    await keep(database, PLACE, "first.jpg")
    assert await keep(database, PLACE, "second.jpg") == Kept("first.jpg", "image/jpeg")


async def test_processes_that_make_the_same_at_once_agree_on_one(database_url: str) -> None:
    databases = [Database.open(database_url) for _ in range(4)]
    await insert(databases[0], 1)
    kept = await asyncio.gather(*(keep(one, PLACE, f"{number}.jpg") for number, one in enumerate(databases)))
    assert len(set(kept)) == 1
    assert kept[0] == await get(databases[0], PLACE)
    for one in databases:
        await one.close()


async def test_nothing_is_kept_for_a_job_that_was_deleted(database: Database) -> None:
    assert await keep(database, PLACE, "a.jpg") is None
    assert await get(database, PLACE) is None


async def test_a_file_that_was_lost_makes_room_for_another(database: Database) -> None:
    await insert(database, 1)
    await keep(database, PLACE, "a.jpg")
    async with database.write() as connection:
        await variants.forget(connection, PLACE, "other.jpg")
    assert await get(database, PLACE) is not None
    async with database.write() as connection:
        await variants.forget(connection, PLACE, "a.jpg")
    assert await keep(database, PLACE, "b.jpg") == Kept("b.jpg", "image/jpeg")


async def test_who_deletes_a_job_hears_of_every_file_and_the_rows_go_along(database: Database) -> None:
    await insert(database, 1, 2, 3)
    await keep(database, PLACE, "a.jpg")
    await keep(database, replace(PLACE, variant="preview"), "b.webp")
    await keep(database, replace(PLACE, job_id="job_000002"), "c.jpg")
    await keep(database, replace(PLACE, job_id="job_000003"), "d.jpg")
    async with database.write() as connection:
        assert await variants.assets_of(connection) == []
        assert await variants.assets_of(connection, "job_000001", "job_000002", "job_unknown") == ["a.jpg", "b.webp", "c.jpg"]
        assert await variants.assets_of(connection, PLACE.job_id) == ["a.jpg", "b.webp"]
        assert await jobs.delete_one(connection, PLACE.job_id, "key_a")
    assert await get(database, PLACE) is None


async def test_no_file_is_added_between_the_look_and_the_deletion(database_url: str) -> None:
    deleter, maker = Database.open(database_url), Database.open(database_url)
    await insert(deleter, 1)
    async with deleter.write() as connection:
        assert await variants.assets_of(connection, PLACE.job_id) == []
        late = asyncio.create_task(keep(maker, PLACE, "late.jpg"))
        await asyncio.wait({late}, timeout=0.2)
        assert not late.done()
        assert await jobs.delete_one(connection, PLACE.job_id, "key_a")
    assert await late is None
    for one in (deleter, maker):
        await one.close()

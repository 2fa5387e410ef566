"""Keys are found by their hash alone, and each change is announced."""

from dataclasses import replace

import pytest

from app.store import keys, revision
from app.store.database import Database
from tests.store.samples import key

pytestmark = pytest.mark.anyio


def test_the_hash_is_sha256_in_hex() -> None:
    assert keys.hash_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len(keys.hash_key("' OR 1=1; \ud800\0🎬")) == 64


async def test_every_field_of_a_key_comes_back(database: Database) -> None:
    plain = replace(key(2), models=None, expires_at=None, created_at=None, strict=False, enabled=True)
    async with database.write() as connection:
        await keys.insert_one(connection, key(1))
        await keys.insert_one(connection, plain)
    async with database.read() as connection:
        assert await keys.get(connection, "key_1") == key(1)
        assert await keys.by_hash(connection, key(1).hash) == key(1)
        assert await keys.get(connection, "key_2") == plain
        assert await keys.get(connection, "key_3") is None
        assert await keys.by_hash(connection, "' OR 1=1") is None


async def test_a_key_is_changed_and_deleted_by_its_id(database: Database) -> None:
    changed = replace(key(1), name="changed", models=frozenset(), enabled=True)
    async with database.write() as connection:
        await keys.insert_one(connection, key(1))
        await keys.insert_one(connection, key(2))
        assert await keys.update_one(connection, changed)
        assert not await keys.update_one(connection, key(3))
        assert await keys.get(connection, "key_1") == changed
        assert await keys.delete_one(connection, "key_1")
        assert not await keys.delete_one(connection, "key_1")
        assert await keys.page(connection) == [key(2)]


async def test_a_page_of_keys_turns_by_id(database: Database) -> None:
    async with database.write() as connection:
        for number in range(1, 6):
            await keys.insert_one(connection, key(number))
        assert await keys.page(connection, limit=2) == [key(5), key(4)]
        assert await keys.page(connection, before="key_4", limit=2) == [key(3), key(2)]
        assert await keys.page(connection, before="key_none") == []
        assert await keys.every(connection) == [key(number) for number in range(1, 6)]


async def test_each_change_of_a_key_moves_the_revision(database: Database) -> None:
    async with database.write() as connection:
        seen = [await revision.current(connection)]
        await keys.insert_one(connection, key(1))
        seen.append(await revision.current(connection))
        await keys.update_one(connection, key(1))
        seen.append(await revision.current(connection))
        await keys.delete_one(connection, "key_1")
        seen.append(await revision.current(connection))
    assert seen == sorted(set(seen))

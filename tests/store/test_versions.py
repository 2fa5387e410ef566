"""What is read of the migrations without Alembic is what Alembic reads."""

import pytest
from alembic.script import ScriptDirectory

from app.store.database import Database
from app.store.versions import current_revision, folder, known_revisions, newest_revision


def test_the_migrations_are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory(str(folder()))
    assert newest_revision() == scripts.get_current_head()
    assert known_revisions() == {script.revision for script in scripts.walk_revisions()}


@pytest.mark.anyio
async def test_a_database_is_at_the_newest_or_at_none(database: Database, empty_database_url: str) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(current_revision) == newest_revision()
    empty = Database.open(empty_database_url)
    try:
        async with empty.write() as written:
            assert await written.run_sync(current_revision) is None
    finally:
        await empty.close()

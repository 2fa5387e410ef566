"""Whether a database has the tables that this version of the program works with."""

from enum import Enum, auto

from app.store.database import Database
from app.store.versions import current_revision, known_revisions, newest_revision


class Schema(Enum):
    """What state the tables are in."""

    CURRENT = auto()
    MISSING = auto()  # none at all
    OLDER = auto()  # a migration is waiting
    NEWER = auto()  # a newer version of the program was here


async def schema_of(database: Database) -> Schema:
    """The state of the tables; changes nothing."""
    found = await revision_of(database)
    if found is None:
        return Schema.MISSING
    if found == newest_revision():
        return Schema.CURRENT
    return Schema.OLDER if found in known_revisions() else Schema.NEWER


async def revision_of(database: Database) -> str | None:
    """The migration that the tables are at; None where there are none."""
    async with database.read() as connection:
        return await connection.run_sync(current_revision)

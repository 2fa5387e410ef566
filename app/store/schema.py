"""Whether a database has the tables that this version of the program works with."""

from enum import Enum, auto

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.store.database import Database
from app.store.migrate import folder


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
    scripts = ScriptDirectory(str(folder()))
    if found == scripts.get_current_head():
        return Schema.CURRENT
    return Schema.OLDER if found in known_revisions() else Schema.NEWER


def known_revisions() -> frozenset[str]:
    """Every migration that this version of the program has."""
    return frozenset(script.revision for script in ScriptDirectory(str(folder())).walk_revisions())


async def revision_of(database: Database) -> str | None:
    """The migration that the tables are at; None where there are none."""
    async with database.read() as connection:
        return await connection.run_sync(_revision)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()

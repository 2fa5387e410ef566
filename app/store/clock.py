"""What time it is at the database server."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import text

from app.store.database import Database

_NOW = text("SELECT clock_timestamp()")


async def ahead(database: Database, now: Callable[[], datetime]) -> timedelta:
    """How far a PostgreSQL server's clock is ahead of `now` (negative: behind), as seen in the middle of the question."""
    async with database.read() as connection:
        await connection.execute(_NOW)  # the first question may have to connect
        asked = now()
        theirs: datetime = (await connection.execute(_NOW)).scalar_one()
        return theirs - (asked + (now() - asked) / 2)

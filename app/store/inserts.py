"""INSERT with an answer for rows that are there already: both databases have it, SQLAlchemy in two classes."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def inserts(table: Table) -> dict[str, sqlite.Insert | postgresql.Insert]:
    """Dialect name -> the insert that knows `on_conflict_…`."""
    return {"sqlite": sqlite.insert(table), "postgresql": postgresql.insert(table)}

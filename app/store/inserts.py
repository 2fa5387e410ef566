"""INSERT with an answer for rows that are there already: both databases have it, SQLAlchemy in two classes."""

from typing import TYPE_CHECKING

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_wanted = {"postgresql"}  # besides SQLite


def for_sqlite_alone() -> None:
    """Spares this process PostgreSQL's dialect, 2 MB; before any statement is made, and for good."""
    _wanted.clear()


def inserts(table: Table) -> "dict[str, sqlite.Insert | postgresql.Insert]":
    """Dialect name -> the insert that knows `on_conflict_…`."""
    found: dict[str, sqlite.Insert | postgresql.Insert] = {"sqlite": sqlite.insert(table)}
    if _wanted:
        from sqlalchemy.dialects.postgresql import insert

        found["postgresql"] = insert(table)
    return found

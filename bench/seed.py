"""Fills a database with a million jobs in a minute: copies of jobs that a gateway made, with their attempts, money and names.

The copies lie evenly in the last 30 days, one in ten of them failed, and one in ten belongs to the key of the originals.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import Table

from app.store import tables

KEYS = 10
_SPAN = 30 * 86_400 * 1_000_000  # microseconds, as are all stored times
_A_DAY = 86_400 * 1_000_000  # how long the name of a request is kept
_SHIFTED = frozenset(
    {
        *("created_at", "updated_at", "deadline_at", "accepted_at", "started_at", "completed_at", "expires_at", "leased_at"),
        *("ended_at", "at"),
    }
)
_QUICKLY = ("journal_mode = DELETE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000")


@dataclass(frozen=True, slots=True)
class Originals:
    """The ids of the jobs that are copied, and when (in stored time) the newest copy was created."""

    completed: str
    failed: str
    newest: int


@dataclass(frozen=True, slots=True)
class Copies:
    """So many jobs made of these."""

    originals: Originals
    count: int

    @property
    def step(self) -> int:
        """Microseconds between two jobs."""
        return _SPAN // self.count

    def created(self, number: int) -> int:
        """When the job was created; the last one is number `count` - 1."""
        return self.originals.newest - (self.count - number) * self.step

    def id_of(self, number: int) -> str:
        """The id of a job, in the order of time as all ids are."""
        return f"task_{self.created(number) // 1000}{number:013}"

    def own(self) -> Sequence[int]:
        """The numbers of the jobs that belong to the key of the originals."""
        return range(0, self.count, KEYS)

    def statements(self) -> list[str]:
        """SQL for both databases."""
        newest = self.originals.newest - self.count * self.step
        created = f"({newest} + n * {self.step})"
        identifier = f"'task_' || CAST({created} / 1000 AS TEXT) || substr(CAST({10**13} + n AS TEXT), 2)"
        failed = f"(n / {KEYS}) % 10 = 3"
        original = f"CASE WHEN {failed} THEN '{self.originals.failed}' ELSE '{self.originals.completed}' END"
        key = f"CASE WHEN n % {KEYS} = 0 THEN j.key_id ELSE 'key_of_somebody_else_' || CAST(n % {KEYS} AS TEXT) END"
        fresh = f"n * {self.step} > {self.count * self.step - _A_DAY}"
        made = (
            (tables.jobs, {"id": identifier, "key_id": key, "number": None}, ""),
            (tables.attempts, {"job_id": identifier}, "r.job_id = j.id"),
            (
                tables.ledger,
                {"id": f"r.kind || '_' || {identifier}", "job_id": identifier, "key_id": key, "number": None},
                "r.job_id = j.id",
            ),
            (
                tables.replays,
                {"job_id": identifier, "key_id": key, "name": "r.name || CAST(n AS TEXT)", "expires_at": f"{created} + {_A_DAY}"},
                f"r.job_id = j.id AND {fresh}",
            ),
        )
        return [self._copy(table, created, original, values, joined) for table, values, joined in made]

    def _copy(self, table: Table, created: str, original: str, values: Mapping[str, str | None], joined: str) -> str:
        row = "r" if joined else "j"
        columns: dict[str, str] = {}
        for name in (column.name for column in table.columns):
            value = f"{row}.{name} + ({created} - j.created_at)" if name in _SHIFTED else f"{row}.{name}"
            chosen = values.get(name, value)
            if chosen is not None:
                columns[name] = chosen
        more = f"SELECT n + 1 FROM numbers WHERE n < {self.count - 1}"
        numbers = f"WITH RECURSIVE numbers(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL {more})"
        source = f"numbers JOIN jobs j ON j.id = {original}" + (f" JOIN {table.name} r ON {joined}" if joined else "")
        names = ", ".join(f'"{name}"' for name in columns)
        return f'{numbers} INSERT INTO "{table.name}" ({names}) SELECT {", ".join(columns.values())} FROM {source} ORDER BY n'


def fill_sqlite(path: Path, copies: Copies) -> None:
    """Nobody else may have the file open; a crash would leave it broken."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in _QUICKLY:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    for statement in copies.statements():
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def fill_postgres(url: str, copies: Copies) -> None:
    """With the statistics that the server's own housekeeping would gather some time after."""
    asyncio.run(_fill_postgres(url, copies))


async def _fill_postgres(url: str, copies: Copies) -> None:
    connection = await asyncpg.connect(url, command_timeout=1800)
    try:
        await connection.execute("SET synchronous_commit = off; SET jit = off")
        for statement in copies.statements():
            await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")  # else the pages that were just filled are written while others are read
    finally:
        await connection.close()

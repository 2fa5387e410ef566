"""What a campaign leaves behind: the vendor's count, the clients' memory, and the rows of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from app.domain.jobs import Job
from app.store import jobs as job_store
from app.store.database import Database
from app.store.tables import accounts, ledger
from tests.chaos.clients import Told
from tests.chaos.vendor import Made


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger; micro-dollars, negative ones were taken from the key."""

    key_id: str
    job_id: str
    kind: str
    micros: int


@dataclass(frozen=True, slots=True)
class Account:
    """What a key holds back and has spent on the jobs of one day, in micro-dollars."""

    key_id: str
    reserved: int
    spent: int


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is written about money."""

    lines: Sequence[Line] = ()
    accounts: Sequence[Account] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the judgement rests on. `odd` is what a client should never have seen, `deaths` what ended by itself."""

    made: Sequence[Made]
    told: Sequence[Told]
    jobs: Sequence[Job]
    books: Books = Books()
    odd: Sequence[str] = ()
    deaths: Sequence[str] = ()


async def stored_jobs(database: Database) -> Sequence[Job]:
    """Every job row, the newest first."""
    async with database.read() as connection:
        return await job_store.admin_page(connection, limit=1_000_000)


async def stored_books(database: Database) -> Books:
    """The ledger in the order in which it was written, and the accounts."""
    lines = await _rows(
        database, select(ledger.c.key_id, ledger.c.job_id, ledger.c.kind, ledger.c.micros).order_by(ledger.c.number)
    )
    sums = await _rows(database, select(accounts.c.key_id, accounts.c.reserved, accounts.c.spent))
    return Books([Line(*line) for line in lines], [Account(*account) for account in sums])


async def _rows(database: Database, query: Select[Any]) -> Sequence[Any]:
    async with database.read() as connection:
        rows: Sequence[Any] = (await connection.execute(query)).all()
    return rows

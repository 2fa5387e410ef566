"""Money, line by line: what is held for a job when it is made, and what of it is given back when it ends.

Lines are only ever added, and negative ones are taken from the key, so that a job's lines sum to minus its cost. `accounts`
holds the sums of each key and day (UTC, of the job's creation), moved in the same transaction: a budget is one question.
The id of a line is made of its kind and its job, which is what keeps a job from being settled twice.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import BudgetPeriod
from app.domain.jobs import Job
from app.store.changes import put
from app.store.inserts import inserts
from app.store.tables import accounts, keys, ledger

_LINE = insert(ledger)
_MOVE = {
    name: insert.on_conflict_do_update(
        index_elements=[accounts.c.key_id, accounts.c.day],
        set_={"reserved": accounts.c.reserved + insert.excluded.reserved, "spent": accounts.c.spent + insert.excluded.spent},
    )
    for name, insert in inserts(accounts).items()
}
_OF_JOB = select(ledger).where(ledger.c.job_id == bindparam("of_job")).order_by(ledger.c.number)
_LOCK_KEY = select(keys.c.budget, keys.c.budget_period).where(keys.c.id == bindparam("which")).with_for_update()
_TAKEN = select(func.coalesce(func.sum(accounts.c.reserved + accounts.c.spent), 0)).where(
    accounts.c.key_id == bindparam("of_key"), accounts.c.day >= bindparam("first"), accounts.c.day <= bindparam("last")
)


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of money, in micro-dollars; `kind` is reserve, settle, refund or adjust."""

    id: str
    at: datetime
    key_id: str
    job_id: str
    kind: str
    micros: int


async def reserve(connection: AsyncConnection, job: Job, at: datetime) -> None:
    """Holds `job.reserved`, in the transaction that adds the job."""
    if job.reserved:
        await _add(connection, job, "reserve", -job.reserved, at)
        await _move(connection, job, reserved=job.reserved, spent=0)


async def settle(connection: AsyncConnection, job: Job, cost: int, at: datetime) -> None:
    """Turns what was held into what it cost, in the transaction that ends the job; a second time is an IntegrityError."""
    if job.reserved or cost:
        await _add(connection, job, "settle" if cost else "refund", job.reserved - cost, at)
        await _move(connection, job, reserved=-job.reserved, spent=cost)


async def adjust(connection: AsyncConnection, job: Job, cost: int, at: datetime) -> None:
    """Takes what a job cost that was settled without it: its vendor delivered after the deadline. At most once a job."""
    if cost:
        await _add(connection, job, "adjust", -cost, at)
        await _move(connection, job, reserved=0, spent=cost)


async def left(connection: AsyncConnection, key_id: str, at: datetime) -> int | None:
    """What the key's budget still allows for jobs made at this time, in micro-dollars; None without a budget.

    Holds the key against others to the end of the transaction, so that what is then reserved cannot exceed it.
    """
    budget = (await connection.execute(_LOCK_KEY, {"which": key_id})).first()
    if budget is None or budget.budget is None:
        return None
    first, last = days_of(budget.budget_period, at)
    taken = (await connection.execute(_TAKEN, {"of_key": key_id, "first": first, "last": last})).scalar_one()
    return int(budget.budget - taken)


async def of_job(connection: AsyncConnection, job_id: str) -> list[Line]:
    """A job's lines, in order."""
    rows = await connection.execute(_OF_JOB, {"of_job": job_id})
    return [Line(row.id, row.at, row.key_id, row.job_id, row.kind, row.micros) for row in rows]


def day_of(at: datetime) -> str:
    """The day on which money counts, as `accounts` writes it; times are UTC."""
    return f"{at:%Y-%m-%d}"


def days_of(period: BudgetPeriod, at: datetime) -> tuple[str, str]:
    """The first and the last day of the budget's period around this time."""
    if period == "day":
        return day_of(at), day_of(at)
    return (f"{at:%Y-%m}-01", f"{at:%Y-%m}-31") if period == "month" else ("0000-00-00", "9999-99-99")


async def _add(connection: AsyncConnection, job: Job, kind: str, micros: int, at: datetime) -> None:
    owner = job.parent_id or job.id  # a part's money is its parent's
    line = {"id": f"{kind}_{job.id}", "at": at, "key_id": job.key_id, "job_id": owner, "kind": kind, "micros": micros}
    await put(connection, _LINE, line)


async def _move(connection: AsyncConnection, job: Job, *, reserved: int, spent: int) -> None:
    row = {"key_id": job.key_id, "day": day_of(job.created_at), "reserved": reserved, "spent": spent}
    await put(connection, _MOVE[connection.dialect.name], row)

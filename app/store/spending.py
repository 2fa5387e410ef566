"""What keys spent and what is held for their open jobs, read from `accounts`, for one key or a page of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ColumnElement, bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import BudgetPeriod, Key
from app.store.ledger import days_of
from app.store.tables import accounts


@dataclass(frozen=True, slots=True)
class Spending:
    """Micro-dollars: spent and held in the period that the key's budget counts, and spent ever."""

    spent: int = 0
    reserved: int = 0
    total: int = 0


def _within(column: Column[int], period: BudgetPeriod) -> ColumnElement[int]:
    inside = accounts.c.day.between(bindparam(f"{period}_first"), bindparam(f"{period}_last"))
    return func.sum(case((inside, column), else_=0))


_PERIODS: tuple[BudgetPeriod, ...] = ("total", "month", "day")
_OF_KEYS = (
    select(
        accounts.c.key_id,
        *(_within(accounts.c.spent, period).label(f"{period}_spent") for period in _PERIODS),
        *(_within(accounts.c.reserved, period).label(f"{period}_reserved") for period in _PERIODS),
    )
    .where(accounts.c.key_id.in_(bindparam("ids", expanding=True)))
    .group_by(accounts.c.key_id)
)


def counted_period(key: Key) -> BudgetPeriod:
    """The period in which a key's spending counts: its budget's, or all time without a budget."""
    return "total" if key.budget is None else key.budget_period


async def of_keys(connection: AsyncConnection, keys: Iterable[Key], at: datetime) -> dict[str, Spending]:
    """Key id -> its spending around this time (aware UTC), for each of these keys; one query for all."""
    wanted = {key.id: counted_period(key) for key in keys}
    if not wanted:
        return {}
    days: dict[str, str] = {}
    for period in _PERIODS:
        days[f"{period}_first"], days[f"{period}_last"] = days_of(period, at)
    found = (await connection.execute(_OF_KEYS, {"ids": list(wanted), **days})).mappings()
    rows = {row["key_id"]: row for row in found}
    return {
        key_id: Spending(
            int(rows[key_id][f"{period}_spent"]), int(rows[key_id][f"{period}_reserved"]), int(rows[key_id]["total_spent"])
        )
        if key_id in rows
        else Spending()
        for key_id, period in wanted.items()
    }

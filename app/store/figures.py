"""The whole gateway in a few numbers, for monitoring: each query reads an index or a small table, never every job."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Stage
from app.store.tables import accounts, jobs, open_jobs, webhooks, workers
from app.store.types import Moment

_held = jobs.c.stage == literal_column(f"'{Stage.HELD}'")
_BY_STAGE = select(jobs.c.channel_id, jobs.c.stage, func.count()).where(open_jobs).group_by(jobs.c.channel_id, jobs.c.stage)
_OLDEST_HELD = select(func.min(jobs.c.created_at, type_=Moment)).where(
    open_jobs, jobs.c.channel_id.in_(bindparam("channels", expanding=True)), _held
)
_MONEY = select(func.coalesce(func.sum(accounts.c.reserved), 0), func.coalesce(func.sum(accounts.c.spent), 0))
_OUTBOX = select(func.count(), func.min(webhooks.c.due, type_=Moment)).where(webhooks.c.due.is_not(None))
_COPIES = select(func.count(), func.min(jobs.c.copy_due, type_=Moment)).where(jobs.c.copy_due.is_not(None))
_LATE = select(func.count()).select_from(jobs).where(jobs.c.late_due.is_not(None))
_LIVING = select(func.count()).select_from(workers).where(workers.c.beat_at >= bindparam("since", type_=Moment))


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that waits in the tables: how much, and when the first of it was due."""

    waiting: int
    due: datetime | None


async def open_by_stage(connection: AsyncConnection) -> dict[tuple[str, Stage], int]:
    """(channel id, stage) -> how many jobs are open, parts of split jobs included."""
    return {(channel_id, Stage(stage)): number for channel_id, stage, number in (await connection.execute(_BY_STAGE)).all()}


async def oldest_held(connection: AsyncConnection, channel_ids: Collection[str]) -> datetime | None:
    """When the oldest job was made that is held back for one of these channels."""
    if not channel_ids:
        return None
    found: datetime | None = (await connection.execute(_OLDEST_HELD, {"channels": list(channel_ids)})).scalar_one()
    return found


async def money(connection: AsyncConnection) -> tuple[int, int]:
    """Micro-dollars of all keys and all time: held for open jobs, and spent."""
    reserved, spent = (await connection.execute(_MONEY)).one()
    return int(reserved), int(spent)  # PostgreSQL sums whole numbers to decimals


async def outbox(connection: AsyncConnection) -> Backlog:
    """Webhooks that are not delivered yet."""
    return Backlog(*(await connection.execute(_OUTBOX)).one())


async def copies(connection: AsyncConnection) -> Backlog:
    """Jobs whose results are still to be copied; one that is being copied counts, and is due when its copier's claim ends."""
    return Backlog(*(await connection.execute(_COPIES)).one())


async def late(connection: AsyncConnection) -> int:
    """Jobs that their deadline ended and about which their vendor is still asked."""
    found: int = (await connection.execute(_LATE)).scalar_one()
    return found


async def processes(connection: AsyncConnection, since: datetime) -> int:
    """Processes whose heartbeat is at least this new."""
    found: int = (await connection.execute(_LIVING, {"since": since})).scalar_one()
    return found

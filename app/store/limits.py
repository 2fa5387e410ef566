"""How many jobs run: of a key, at a channel. What is counted stays so to the end of the transaction that asks."""

from dataclasses import dataclass

from sqlalchemy import Select, bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.jobs import Stage
from app.store.tables import channels, jobs, keys, open_jobs

_held = jobs.c.stage == literal_column(f"'{Stage.HELD}'")
_runs = jobs.c.stage.in_([literal_column(f"'{stage}'") for stage in (Stage.WAITING, Stage.SENDING, Stage.ACCEPTED)])
_at_vendor = jobs.c.stage.in_([literal_column(f"'{stage}'") for stage in (Stage.SENDING, Stage.ACCEPTED)])
_count = select(func.count()).select_from(jobs)
_OF_KEY = _count.where(open_jobs, jobs.c.key_id == bindparam("which"), jobs.c.parent_id.is_(None))
_RUNNING_OF_KEY, _HELD_OF_KEY = _OF_KEY.where(_runs), _OF_KEY.where(_held)
_AT_CHANNEL = _count.where(open_jobs, jobs.c.channel_id == bindparam("which"))
_RUNNING_AT_CHANNEL, _HELD_AT_CHANNEL = _AT_CHANNEL.where(_at_vendor), _AT_CHANNEL.where(_held)
_LOCK_KEY = select(keys.c.id).where(keys.c.id == bindparam("which")).with_for_update()
_LOCK_CHANNEL = select(channels.c.id).where(channels.c.id == bindparam("which")).with_for_update()
_BY_KEY = (
    select(jobs.c.key_id, func.count().label("number")).where(open_jobs, _runs, jobs.c.parent_id.is_(None)).group_by(jobs.c.key_id)
)
_BY_CHANNEL = select(jobs.c.channel_id, func.count().label("number")).where(open_jobs, _at_vendor).group_by(jobs.c.channel_id)


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs that run and jobs that are held back."""

    running: int
    held: int


async def of_key(connection: AsyncConnection, key_id: str) -> Load:
    """The key's open jobs, parts not counted; nobody else can add to them before this transaction ends."""
    await connection.execute(_LOCK_KEY, {"which": key_id})
    return Load(await _counted(connection, _RUNNING_OF_KEY, key_id), await _counted(connection, _HELD_OF_KEY, key_id))


async def at_channel(connection: AsyncConnection, channel_id: str) -> Load:
    """The open jobs at a channel's vendor and those held for it; nobody else can add to them before this transaction ends."""
    await connection.execute(_LOCK_CHANNEL, {"which": channel_id})
    return Load(
        await _counted(connection, _RUNNING_AT_CHANNEL, channel_id), await _counted(connection, _HELD_AT_CHANNEL, channel_id)
    )


async def running_by_key(connection: AsyncConnection) -> dict[str, int]:
    """How many jobs of each key run, as they are committed."""
    return {row.key_id: row.number for row in await connection.execute(_BY_KEY)}


async def running_by_channel(connection: AsyncConnection) -> dict[str, int]:
    """How many jobs are at each channel's vendor, as they are committed."""
    return {row.channel_id: row.number for row in await connection.execute(_BY_CHANNEL)}


async def _counted(connection: AsyncConnection, query: Select[int], which: str) -> int:
    found: int = (await connection.execute(query, {"which": which})).scalar_one()
    return found

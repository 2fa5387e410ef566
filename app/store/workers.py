"""The processes that run jobs; one that stops beating loses its jobs to the others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.inserts import inserts
from app.store.tables import workers


@dataclass(frozen=True, slots=True)
class Worker:
    """One process. `host` must name one space of process ids (a container is a host of its own); times are aware UTC."""

    id: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime


_BEAT = {
    name: insert.on_conflict_do_update(index_elements=[workers.c.id], set_={"beat_at": insert.excluded.beat_at})
    for name, insert in inserts(workers).items()
}
_ALL = select(workers).order_by(workers.c.started_at, workers.c.id)
_ON_HOST = select(workers.c.id, workers.c.pid).where(workers.c.host == bindparam("host"), workers.c.id != bindparam("me"))
_FORGET = delete(workers).where(workers.c.id == bindparam("gone"))


async def beat(connection: AsyncConnection, worker: Worker) -> None:
    """Says that this worker lives at `worker.beat_at`; registers it at the first call."""
    row = {name: getattr(worker, name) for name in ("id", "host", "pid", "started_at", "beat_at")}
    await connection.execute(_BEAT[connection.dialect.name], row)


async def forget(connection: AsyncConnection, worker_id: str) -> None:
    """Removes a worker; what it still holds can be claimed at once."""
    await connection.execute(_FORGET, {"gone": worker_id})


async def forget_dead(connection: AsyncConnection, me: Worker, alive: Callable[[int], bool]) -> tuple[str, ...]:
    """Removes this host's workers whose process is gone, so that a restart need not wait for their beat to grow stale.

    `alive` says whether a process id runs. Another worker with our own process id is dead whatever `alive` says: in a
    container every start gets the same id. Returns the ids of the removed.
    """
    others = (await connection.execute(_ON_HOST, {"host": me.host, "me": me.id})).all()
    dead = tuple(other.id for other in others if other.pid == me.pid or not alive(other.pid))
    for worker_id in dead:
        await forget(connection, worker_id)
    return dead


async def every(connection: AsyncConnection) -> tuple[Worker, ...]:
    """All known workers, the oldest first."""
    return tuple(Worker(**row) for row in (await connection.execute(_ALL)).mappings())

"""How long each vendor model takes to a result, as learned from finished jobs (the rule is in `domain/pacing.py`)."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.inserts import inserts
from app.store.tables import paces

_ALL = select(paces.c.adapter, paces.c.upstream_model, paces.c.seconds)
_PUT = {
    name: insert.on_conflict_do_update(
        index_elements=[paces.c.adapter, paces.c.upstream_model],
        set_={"seconds": insert.excluded.seconds, "count": paces.c.count + 1},
    )
    for name, insert in inserts(paces).items()
}


async def put(connection: AsyncConnection, adapter: str, upstream_model: str, seconds: float) -> None:
    """Keeps the pace (seconds) of a vendor's model after one more job, and counts the job."""
    row = {"adapter": adapter, "upstream_model": upstream_model, "seconds": seconds, "count": 1}
    await connection.execute(_PUT[connection.dialect.name], row)


async def every(connection: AsyncConnection) -> dict[tuple[str, str], float]:
    """(adapter, upstream model) -> seconds, for all that was ever seen."""
    return {(row.adapter, row.upstream_model): row.seconds for row in await connection.execute(_ALL)}

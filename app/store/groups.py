"""What each group pays: a ratio on every price; a group without a row pays 1."""

from decimal import Decimal

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.inserts import inserts
from app.store.revision import bump
from app.store.tables import groups

_ALL = select(groups.c.name, groups.c.price_ratio).order_by(groups.c.name)
_PUT = {
    name: insert.on_conflict_do_update(index_elements=[groups.c.name], set_={"price_ratio": insert.excluded.price_ratio})
    for name, insert in inserts(groups).items()
}
_DELETE = delete(groups).where(groups.c.name == bindparam("which"))


async def every(connection: AsyncConnection) -> dict[str, Decimal]:
    """The ratio of each group that has one of its own."""
    return {row.name: row.price_ratio for row in await connection.execute(_ALL)}


async def put(connection: AsyncConnection, name: str, price_ratio: Decimal) -> None:
    """Sets a group's ratio; 1 is the same as none."""
    if price_ratio == 1:
        await connection.execute(_DELETE, {"which": name})
    else:
        await connection.execute(_PUT[connection.dialect.name], {"name": name, "price_ratio": price_ratio})
    await bump(connection)

"""Which files of ours show a job's films in another way: thumbnails, sheets, last pictures, previews."""

from dataclasses import dataclass

from sqlalchemy import Text, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.inserts import inserts
from app.store.tables import jobs, variants

_of_output = (
    variants.c.job_id == bindparam("of_job"),
    variants.c.output == bindparam("of_output"),
    variants.c.variant == bindparam("named"),
)
_GET = select(variants.c.asset, variants.c.mime).where(*_of_output)
_INSERT = {
    name: insert.on_conflict_do_nothing(index_elements=[variants.c.job_id, variants.c.output, variants.c.variant])
    for name, insert in inserts(variants).items()
}
_FORGET = delete(variants).where(*_of_output, variants.c.asset == bindparam("lost"))
_HOLD = select(jobs.c.id).where(jobs.c.id == bindparam("of_job")).with_for_update(read=True, key_share=True)
_IDS = bindparam("ids", type_=Text, expanding=True)
_HOLD_ALL = select(jobs.c.id).where(jobs.c.id.in_(_IDS)).order_by(jobs.c.id).with_for_update()
_ASSETS = select(variants.c.asset).where(variants.c.job_id.in_(_IDS)).order_by(variants.c.asset)


@dataclass(frozen=True, slots=True)
class Place:
    """A variant of one output of a job."""

    job_id: str
    output: int
    variant: str

    def parameters(self) -> dict[str, object]:
        """As the statements here name them."""
        return {"of_job": self.job_id, "of_output": self.output, "named": self.variant}


@dataclass(frozen=True, slots=True)
class Kept:
    """The file in which a variant lies."""

    asset: str
    mime: str


async def get(connection: AsyncConnection, place: Place) -> Kept | None:
    """The file that was made, if one was."""
    row = (await connection.execute(_GET, place.parameters())).first()
    return None if row is None else Kept(row.asset, row.mime)


async def keep(connection: AsyncConnection, place: Place, made: Kept) -> Kept | None:
    """Remembers the file, and returns the one that stands: this one, or that of somebody who was faster.

    None: the job was deleted meanwhile. The file of whoever does not get it back belongs to nobody and must be removed.
    """
    if (await connection.execute(_HOLD, {"of_job": place.job_id})).first() is None:
        return None
    row = {"job_id": place.job_id, "output": place.output, "variant": place.variant, "asset": made.asset, "mime": made.mime}
    await connection.execute(_INSERT[connection.dialect.name], row)
    return await get(connection, place)


async def forget(connection: AsyncConnection, place: Place, lost: str) -> None:
    """Takes back that the variant lies in the file `lost`."""
    await connection.execute(_FORGET, place.parameters() | {"lost": lost})


async def assets_of(connection: AsyncConnection, *job_ids: str) -> list[str]:
    """The names of every file that was made of these jobs' films, for whoever deletes the jobs in the same transaction.

    It holds the jobs against anybody who would add another file before they are gone.
    """
    if not job_ids:
        return []
    await connection.execute(_HOLD_ALL, {"ids": job_ids})
    return list((await connection.execute(_ASSETS, {"ids": job_ids})).scalars())

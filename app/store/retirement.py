"""Credentials that operators took away while jobs were still running with them."""

from sqlalchemy import bindparam, delete, exists, not_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.revision import bump
from app.store.tables import credentials, jobs, open_jobs

_UNUSED = not_(exists().where(jobs.c.channel_id == credentials.c.channel_id, jobs.c.credential_id == credentials.c.id, open_jobs))
_IT = (credentials.c.channel_id == bindparam("of_channel"), credentials.c.id == bindparam("which"))
_RETIRE = update(credentials).where(*_IT).values(retired=True)
_PURGE = delete(credentials).where(credentials.c.retired, _UNUSED).returning(credentials.c.id)
_PURGE_IT = _PURGE.where(*_IT)


async def retire(connection: AsyncConnection, channel_id: str, credential_id: str) -> None:
    """Takes a credential away from new jobs, and removes it if no open job was made with it; `purge` removes it later."""
    it = {"of_channel": channel_id, "which": credential_id}
    await connection.execute(_RETIRE, it)
    await connection.execute(_PURGE_IT, it)
    await bump(connection)


async def purge(connection: AsyncConnection) -> list[str]:
    """Removes the retired credentials that no open job needs any more; returns their ids."""
    removed = list((await connection.execute(_PURGE)).scalars())
    if removed:
        await bump(connection)
    return removed

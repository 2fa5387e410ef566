"""Which credentials rest, as the processes tell each other (the rules are in `domain/cooling.py`)."""

from sqlalchemy import and_, bindparam, delete, exists, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.cooling import Cooldown, Kind
from app.store.inserts import inserts
from app.store.tables import channels, cooldowns, credentials

_ALL = select(cooldowns)
_ADD = {name: insert.on_conflict_do_nothing() for name, insert in inserts(cooldowns).items()}
_OF_CHANNEL = cooldowns.c.channel_id == bindparam("of_channel")
_IT = (_OF_CHANNEL, cooldowns.c.credential_id == bindparam("which"))
_CHANGE = update(cooldowns).where(*_IT)
_CHANGE_KIND = _CHANGE.where(cooldowns.c.kind != bindparam("new_kind"))
_REMOVE = delete(cooldowns).where(*_IT)
_REMOVE_ALL = delete(cooldowns).where(_OF_CHANNEL)
_HAS_CHANNEL = exists().where(channels.c.id == cooldowns.c.channel_id)
_HAS_CREDENTIAL = exists().where(
    credentials.c.channel_id == cooldowns.c.channel_id, credentials.c.id == cooldowns.c.credential_id, not_(credentials.c.retired)
)
_PURGE = delete(cooldowns).where(or_(not_(_HAS_CHANNEL), and_(cooldowns.c.credential_id != "", not_(_HAS_CREDENTIAL))))


async def every(connection: AsyncConnection) -> dict[tuple[str, str], Cooldown]:
    """(channel id, credential id) -> the rest of each credential that has one; a channel without credentials has the id ""."""
    return {
        (row.channel_id, row.credential_id): Cooldown(
            kind=Kind(row.kind), reason=row.reason, failures=row.failures, since=row.since, until=row.until
        )
        for row in await connection.execute(_ALL)
    }


async def put(connection: AsyncConnection, channel_id: str, credential_id: str, cooldown: Cooldown) -> bool:
    """Stores a rest; True when it is news to all processes: there was none, or one of another kind.

    Of several processes that find out at the same time, exactly one is told True.
    """
    row = {
        "kind": cooldown.kind.value,
        "reason": cooldown.reason,
        "failures": cooldown.failures,
        "since": cooldown.since,
        "until": cooldown.until,
    }
    new = {"channel_id": channel_id, "credential_id": credential_id, **row}
    if (await connection.execute(_ADD[connection.dialect.name], new)).rowcount == 1:
        return True
    it = {"of_channel": channel_id, "which": credential_id, **row}
    if (await connection.execute(_CHANGE_KIND, it | {"new_kind": cooldown.kind.value})).rowcount == 1:
        return True
    await connection.execute(_CHANGE, it)
    return False


async def remove(connection: AsyncConnection, channel_id: str, credential_id: str | None = None) -> bool:
    """Ends the rest of a credential, or of all of the channel's; False when there was none."""
    if credential_id is None:
        return (await connection.execute(_REMOVE_ALL, {"of_channel": channel_id})).rowcount > 0
    return (await connection.execute(_REMOVE, {"of_channel": channel_id, "which": credential_id})).rowcount > 0


async def purge(connection: AsyncConnection) -> None:
    """Forgets the rests of credentials that are retired or gone, alone or with their channel."""
    await connection.execute(_PURGE)

"""Where we may ask. A channel is read with its credentials opened; they are stored sealed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import RowMapping, Select, bindparam, delete, exists, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Channel, Credential
from app.store.revision import bump
from app.store.secrets import Vault
from app.store.tables import channels, credentials, jobs, open_jobs

_PLAIN = (
    *("id", "name", "adapter", "base_url", "models", "priority", "weight", "price_ratio", "prices", "set_fields", "settings"),
    *("enabled", "deleted", "created_at", "max_concurrency", "keep_results"),
)
_UPDATE = update(channels).where(channels.c.id == bindparam("which"))
_MARK_DELETED = update(channels).where(channels.c.id == bindparam("which"), not_(channels.c.deleted)).values(deleted=True)
_PURGE = (
    delete(channels)
    .where(channels.c.deleted, not_(exists().where(jobs.c.channel_id == channels.c.id, open_jobs)))
    .returning(channels.c.id)
)
_POSITIONS = select(credentials.c.id, credentials.c.position).where(credentials.c.channel_id == bindparam("of_channel"))
_RESEAL = update(credentials).where(credentials.c.channel_id == bindparam("of_channel"), credentials.c.id == bindparam("which"))


async def insert_one(connection: AsyncConnection, vault: Vault, channel: Channel) -> None:
    """Adds a channel with its credentials."""
    await connection.execute(insert(channels), _row(channel))
    await _put_credentials(connection, vault, channel)
    await bump(connection)


async def get(connection: AsyncConnection, vault: Vault, channel_id: str) -> Channel | None:
    """The channel with this id, deleted or not; raises WrongSecret when the vault cannot open its credentials."""
    found = await _load(connection, vault, select(channels).where(channels.c.id == channel_id))
    return found[0] if found else None


async def every(connection: AsyncConnection, vault: Vault) -> list[Channel]:
    """All channels in the order of their creation, deleted ones that still have running jobs included."""
    return await _load(connection, vault, select(channels).order_by(channels.c.number))


async def page(connection: AsyncConnection, vault: Vault, *, before: str | None = None, limit: int = 100) -> list[Channel]:
    """At most `limit` channels that are not deleted, the newest first, older than the channel `before`."""
    query = select(channels).where(not_(channels.c.deleted)).order_by(channels.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(channels.c.number < select(channels.c.number).where(channels.c.id == before).scalar_subquery())
    return await _load(connection, vault, query)


async def update_one(connection: AsyncConnection, vault: Vault, channel: Channel) -> bool:
    """Replaces what is stored under the channel's id; False when there is no such channel.

    Credentials are replaced by id, and new ones added. Those that the channel does not name stay: jobs may still be polled
    with them. `retirement.retire` takes them away.
    """
    changed = await connection.execute(_UPDATE, {"which": channel.id, **_row(channel)})
    if changed.rowcount == 0:
        return False
    await _put_credentials(connection, vault, channel)
    await bump(connection)
    return True


async def delete_one(connection: AsyncConnection, channel_id: str) -> bool:
    """Marks a channel as deleted, so that its running jobs can still finish; False when there is no such channel."""
    changed = await connection.execute(_MARK_DELETED, {"which": channel_id})
    await bump(connection)
    return changed.rowcount == 1


async def purge(connection: AsyncConnection) -> list[str]:
    """Removes the deleted channels that no open job uses, credentials included; returns their ids."""
    removed = list((await connection.execute(_PURGE)).scalars())
    if removed:
        await bump(connection)
    return removed


async def _put_credentials(connection: AsyncConnection, vault: Vault, channel: Channel) -> None:
    positions = {row.id: row.position for row in await connection.execute(_POSITIONS, {"of_channel": channel.id})}
    following = max(positions.values(), default=-1) + 1
    for credential in channel.credentials:
        row = {"sealed": vault.seal(credential.fields), "retired": credential.retired}
        if credential.id in positions:
            await connection.execute(_RESEAL, {"of_channel": channel.id, "which": credential.id, **row})
            continue
        place = {"channel_id": channel.id, "id": credential.id, "position": following}
        await connection.execute(insert(credentials), place | row)
        following += 1


async def _load(connection: AsyncConnection, vault: Vault, query: Select[tuple[object, ...]]) -> list[Channel]:
    rows = (await connection.execute(query)).mappings().all()
    held = await _credentials(connection, vault, [row["id"] for row in rows])
    return [_channel(row, held.get(row["id"], ())) for row in rows]


async def _credentials(connection: AsyncConnection, vault: Vault, ids: Sequence[str]) -> dict[str, list[Credential]]:
    query = select(credentials).where(credentials.c.channel_id.in_(ids)).order_by(credentials.c.position)
    held: dict[str, list[Credential]] = defaultdict(list)
    for row in await connection.execute(query):
        held[row.channel_id].append(Credential(row.id, vault.open(row.sealed), row.retired))
    return held


def _row(channel: Channel) -> dict[str, object]:
    row = {name: getattr(channel, name) for name in _PLAIN}
    return row | {"groups": sorted(channel.groups), "drop_fields": list(channel.drop_fields)}


def _channel(row: RowMapping, held: Iterable[Credential]) -> Channel:
    return Channel(
        **{name: row[name] for name in _PLAIN},
        groups=frozenset(row["groups"]),
        drop_fields=tuple(row["drop_fields"]),
        credentials=tuple(held),
    )

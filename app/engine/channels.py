"""Channels as operators make and change them: checked, given ids, sealed and stored."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Channel
from app.domain.errors import InvalidRequest, NotFound
from app.domain.ids import RANDOM_BYTES, new_id
from app.engine.audit import COMMAND_LINE, ENVIRONMENT, Actor, write, write_change
from app.engine.changes import changing
from app.engine.channel_rules import ENVIRONMENT_PREFIX, check_name, checked, text_fields
from app.engine.clock import Now
from app.store import channels as channel_store
from app.store import cooldowns as cooldown_store
from app.store import retirement
from app.store.database import Database
from app.store.secrets import Vault

Edit = Callable[[Channel], Channel]


@dataclass(frozen=True, slots=True)
class ChannelDesk:
    """Every way to read and change channels. Other processes see a change within two seconds (CONTRACT §4)."""

    database: Database
    vault: Vault
    now: Now
    actor: Actor = COMMAND_LINE

    async def add(self, channel: Channel) -> Channel:
        """Stores a new channel under an id of its own; raises InvalidRequest naming the field that is wrong."""
        if channel.name.startswith(ENVIRONMENT_PREFIX):
            raise InvalidRequest(
                f"Names that start with {ENVIRONMENT_PREFIX!r} belong to the channels that environment variables make.",
                param="name",
            )
        async with changing(self.database) as connection:
            return await insert(connection, self.vault, channel, self.now(), self.actor)

    async def change(self, channel_id: str, edit: Edit) -> Channel:
        """Stores what `edit` makes of the channel; raises NotFound, or InvalidRequest naming the field that is wrong.

        A credential that `edit` leaves out is gone for new jobs, and for good when the last job that was made with it has ended.
        """
        async with changing(self.database) as connection:
            held = await self._held(connection, channel_id)
            wanted = replace(edit(held), id=held.id, adapter=held.adapter, deleted=False)
            if wanted.name != held.name and any(name.startswith(ENVIRONMENT_PREFIX) for name in (wanted.name, held.name)):
                raise InvalidRequest("A channel cannot become or cease to be one that environment variables make.", param="name")
            return await update(connection, self.vault, held, wanted, self.now(), self.actor)

    async def delete(self, channel_id: str) -> None:
        """Takes a channel away from new jobs; its running ones finish. Raises NotFound."""
        async with changing(self.database) as connection:
            held = await self._held(connection, channel_id)
            await channel_store.delete_one(connection, channel_id)
            await write_change(connection, self.actor, self.now(), held, None)

    async def note_test(self, channel: Channel, *, ok: bool) -> None:
        """Writes into the audit log that a channel was tested."""
        async with self.database.write() as connection:
            await write(connection, self.actor, self.now(), "test", "channel", channel.id, channel.name, {"ok": ok})

    async def get(self, channel_id: str) -> Channel:
        """The channel with this id; raises NotFound, also for a deleted one."""
        async with self.database.read() as connection:
            return await self._held(connection, channel_id)

    async def find(self, name_or_id: str) -> Channel:
        """The channel with this name or id; raises NotFound."""
        async with self.database.read() as connection:
            every = await channel_store.every(connection, self.vault)
        found = [one for one in every if not one.deleted and name_or_id in (one.id, one.name)]
        if not found:
            raise NotFound(f"There is no channel {name_or_id!r}.", param="id")
        return found[0]

    async def page(self, *, before: str | None, limit: int) -> Sequence[Channel]:
        """At most `limit` channels, the newest first, older than the channel `before`."""
        async with self.database.read() as connection:
            return await channel_store.page(connection, self.vault, before=before, limit=limit)

    async def _held(self, connection: AsyncConnection, channel_id: str) -> Channel:
        channel = await channel_store.get(connection, self.vault, channel_id) if channel_id.isprintable() else None
        if channel is None or channel.deleted:
            raise NotFound(f"There is no channel {channel_id!r}.", param="id")
        return channel


async def insert(connection: AsyncConnection, vault: Vault, channel: Channel, now: datetime, actor: Actor = ENVIRONMENT) -> Channel:
    """Checks and stores a new channel, inside a transaction of `changing`; what a start makes is the environment's doing."""
    made = checked(replace(_trimmed(channel, now), id=_new_id("ch", now), created_at=now, deleted=False))
    check_name(made, await channel_store.every(connection, vault))
    await channel_store.insert_one(connection, vault, made)
    await write_change(connection, actor, now, None, made)
    return made


async def update(
    connection: AsyncConnection, vault: Vault, held: Channel, wanted: Channel, now: datetime, actor: Actor = ENVIRONMENT
) -> Channel:
    """Checks and stores what becomes of a channel, inside a transaction of `changing`; `actor` as in `insert`."""
    made = checked(_trimmed(wanted, now))
    check_name(made, await channel_store.every(connection, vault))
    await channel_store.update_one(connection, vault, made)
    for credential_id in {one.id for one in held.credentials} - {one.id for one in made.credentials}:
        await retirement.retire(connection, held.id, credential_id)
    if (made.credentials, made.base_url) != (held.credentials, held.base_url):
        await cooldown_store.remove(connection, made.id)  # what was wrong with them may be mended now
    await write_change(connection, actor, now, held, made)
    return made


def _trimmed(channel: Channel, now: datetime) -> Channel:
    credentials = [replace(one, id=one.id or _new_id("cred", now), fields=text_fields(one.fields)) for one in channel.credentials]
    return replace(channel, credentials=tuple(credentials))


def _new_id(prefix: str, now: datetime) -> str:
    return new_id(prefix, int(now.timestamp() * 1000), os.urandom(RANDOM_BYTES))

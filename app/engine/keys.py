"""Keys as operators make and change them; the clear text and the webhook secret are shown once, in the answer that made them."""

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Key
from app.domain.errors import InvalidRequest, NotFound
from app.domain.ids import RANDOM_BYTES, new_id
from app.domain.webhooks import WebhookSecrets
from app.engine.audit import COMMAND_LINE, ENVIRONMENT, Actor, write_change
from app.engine.changes import changing
from app.engine.clock import Now
from app.engine.webhook_secrets import new_secret
from app.store import keys as key_store
from app.store.database import Database
from app.store.keys import hash_key
from app.store.secrets import Vault

_HINT = 7  # characters of a key that are kept to recognise it by
_RANDOM = 32  # bytes: 43 characters


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key with what nobody can learn later: its clear text, and the secret that signs its webhooks."""

    key: Key
    text: str = field(repr=False)
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """Every way to read and change keys. Other processes see a change within two seconds (CONTRACT §4)."""

    database: Database
    vault: Vault
    now: Now
    actor: Actor = COMMAND_LINE

    async def add(self, key: Key) -> MadeKey:
        """Stores a new key under an id of its own."""
        now = self.now()
        if key.expires_at is not None and key.expires_at <= now:
            raise InvalidRequest("expires_at lies in the past.", param="expires_at")
        async with changing(self.database) as connection:
            return await insert(connection, self.vault, key, now, self.actor)

    async def change(self, key_id: str, edit: Callable[[Key], Key]) -> Key:
        """Stores what `edit` makes of the key; raises NotFound."""
        async with changing(self.database) as connection:
            held = await _held(connection, key_id)
            wanted = replace(edit(held), id=held.id, hash=held.hash, hint=held.hint)
            await key_store.update_one(connection, wanted)
            await write_change(connection, self.actor, self.now(), held, wanted)
        return wanted

    async def delete(self, key_id: str) -> None:
        """Ends a key for good; its jobs stay for operators to see. Raises NotFound."""
        async with changing(self.database) as connection:
            held = await _held(connection, key_id)
            await key_store.delete_one(connection, key_id)
            await write_change(connection, self.actor, self.now(), held, None)

    async def get(self, key_id: str) -> Key:
        """The key with this id; raises NotFound."""
        async with self.database.read() as connection:
            return await _held(connection, key_id)

    async def find(self, name_or_id: str) -> Key:
        """The key with this id or name; raises NotFound, and InvalidRequest when several have the name."""
        async with self.database.read() as connection:
            found = [key for key in await key_store.every(connection) if name_or_id in (key.id, key.name)]
        if not found:
            raise NotFound(f"There is no key {name_or_id!r}.", param="id")
        if len(found) > 1:
            raise InvalidRequest(f"Several keys are named {name_or_id!r}: {', '.join(key.id for key in found)}.", param="id")
        return found[0]

    async def page(self, *, before: str | None, limit: int) -> Sequence[Key]:
        """At most `limit` keys, the newest first, older than the key `before`."""
        async with self.database.read() as connection:
            return await key_store.page(connection, before=before, limit=limit)


async def insert(connection: AsyncConnection, vault: Vault, key: Key, now: datetime, actor: Actor = ENVIRONMENT) -> MadeKey:
    """Stores a new key, inside a transaction of `changing`; a first start is nobody's doing."""
    text = f"sk-{secrets.token_urlsafe(_RANDOM)}"
    made_id = new_id("key", int(now.timestamp() * 1000), os.urandom(RANDOM_BYTES))
    made = replace(key, id=made_id, hash=hash_key(text), hint=text[:_HINT], created_at=now)
    secret = await store_new(connection, vault, made)
    await write_change(connection, actor, now, None, made)
    return MadeKey(made, text, secret)


async def store_new(connection: AsyncConnection, vault: Vault, key: Key) -> str:
    """Stores a key that has its id and hash, with a webhook secret of its own, which is returned."""
    secret = new_secret()
    await key_store.insert_one(connection, key)
    await key_store.put_webhook_secrets(connection, vault, key.id, WebhookSecrets(secret))
    return secret


async def _held(connection: AsyncConnection, key_id: str) -> Key:
    key = await key_store.get(connection, key_id) if key_id.isprintable() else None
    if key is None:
        raise NotFound(f"There is no key {key_id!r}.", param="id")
    return key

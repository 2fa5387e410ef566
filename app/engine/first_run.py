"""What a start makes when it is missing: the admin key, the environment's channels, and on an empty database something to try."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Channel, Key
from app.engine.changes import changing
from app.engine.channels import insert as insert_channel
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.environment_channels import ensure_environment_channels
from app.engine.keys import insert as insert_key
from app.settings import Settings
from app.store import channels as channel_store
from app.store import keys as key_store
from app.store import settings as setting_store
from app.store.database import Database
from app.store.keys import hash_key
from app.store.secrets import Vault

SANDBOX = "sandbox"
FIRST_KEY = "first key"


@dataclass(frozen=True, slots=True, repr=False)
class FirstRun:
    """Keys that were made just now, in the clear, to be shown once; None where nothing was made."""

    admin_key: str | None = None
    client_key: str | None = None


async def first_run(database: Database, vault: Vault, settings: Settings, environ: Mapping[str, str], now: datetime) -> FirstRun:
    """Makes what is missing; safe in several processes at once, of which exactly one learns each key."""
    async with changing(database) as connection:
        made = FirstRun(await _admin_key(connection, settings), await _first_client(connection, vault, now))
    await ensure_environment_channels(database, vault, environ, now)
    return made


async def _admin_key(connection: AsyncConnection, settings: Settings) -> str | None:
    """A given admin key replaces the stored one; without one, a first one is made."""
    given = settings.admin_key.get_secret_value().strip() if settings.admin_key else ""
    if given:
        await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(given))
        return None
    made = f"fg-admin-{secrets.token_urlsafe(32)}"
    return made if await setting_store.put_new(connection, ADMIN_KEY_SETTING, hash_key(made)) else None


async def _first_client(connection: AsyncConnection, vault: Vault, now: datetime) -> str | None:
    """On a database without keys and channels: the sandbox channel and a key."""
    if await key_store.page(connection, limit=1) or await channel_store.every(connection, vault):
        return None
    sandbox = Channel(id="", name=SANDBOX, adapter=SANDBOX, base_url="")
    await insert_channel(connection, vault, sandbox, now)
    return (await insert_key(connection, vault, Key(id="", name=FIRST_KEY, hash=""), now)).text

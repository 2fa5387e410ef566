"""Channels that vendor credentials in the environment make: `ARK_API_KEY=…` is a working channel `env-ark` (CONTRACT §2)."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.base import VARIABLE_ENDINGS, Adapter
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.engine.changes import changing
from app.engine.channel_rules import ENVIRONMENT_PREFIX, text_fields
from app.engine.channels import insert, update
from app.store import channels as channel_store
from app.store import settings as setting_store
from app.store.database import Database
from app.store.secrets import Vault

_PRESENT, _GONE = "present", "gone"
_log = logging.getLogger(__name__)


async def ensure_environment_channels(database: Database, vault: Vault, environ: Mapping[str, str], now: datetime) -> None:
    """Makes, updates or disables the `env-…` channels so that they say what the variables say; doing it again changes nothing.

    Everything else about them (groups, priority, prices) stays as operators set it, and one that an operator disabled stays so
    until its variables have gone and come back. `<ADAPTER>_BASE_URL` points the channel elsewhere, and is needed where the
    adapter has no usual address. Raises InvalidRequest for a credential that cannot be used.
    """
    async with changing(database) as connection:
        channels = {channel.name: channel for channel in await channel_store.every(connection, vault) if not channel.deleted}
        if not _may_concern(channels, environ):
            return
        for adapter in adapters().values():
            if adapter.environment:
                held = channels.get(ENVIRONMENT_PREFIX + adapter.name)
                await _ensure(connection, vault, adapter, held, environ, now)


def _may_concern(channels: Iterable[str], environ: Iterable[str]) -> bool:
    """Whether there is such a channel or a variable that could make one, and so a reason to load every adapter."""
    variables = (name for name in environ if name.endswith(VARIABLE_ENDINGS) and not name.startswith("FILMGATE_"))
    return any(name.startswith(ENVIRONMENT_PREFIX) for name in channels) or any(variables)


async def _ensure(
    connection: AsyncConnection, vault: Vault, adapter: Adapter, held: Channel | None, environ: Mapping[str, str], now: datetime
) -> None:
    fields = _fields(adapter, environ)
    mark = f"environment_channel:{adapter.name}"
    if fields is None:
        if held is not None and await setting_store.get(connection, mark) == _PRESENT:
            await update(connection, vault, held, replace(held, enabled=False), now)
            await setting_store.put(connection, mark, _GONE)
        return
    base_url = environ.get(f"{adapter.name.upper()}_BASE_URL", "").strip()
    if not base_url and not adapter.default_base_url:
        _log.warning("%s has a credential in the environment and no %s_BASE_URL: no channel", adapter.name, adapter.name.upper())
        return
    if held is None:
        fresh = Channel(
            id="",
            name=ENVIRONMENT_PREFIX + adapter.name,
            adapter=adapter.name,
            base_url=base_url,
            credentials=(Credential("", fields),),
        )
        await insert(connection, vault, fresh, now)
    else:
        wanted = replace(held, credentials=_credentials(held, fields))
        if base_url:
            wanted = replace(wanted, base_url=adapter.base_url(base_url))
        if await setting_store.get(connection, mark) == _GONE:
            wanted = replace(wanted, enabled=True)
        if wanted != held:
            await update(connection, vault, held, wanted, now)
    await setting_store.put(connection, mark, _PRESENT)


def _fields(adapter: Adapter, environ: Mapping[str, str]) -> Mapping[str, str] | None:
    """The first way to show a credential of which every variable is set, with the optional fields that are set too."""
    given = {field: environ.get(variable, "").strip() for field, variable in adapter.environment.items()}
    for alternative in adapter.credential_fields:
        if alternative and all(given.get(field) for field in alternative):
            wanted = alternative | adapter.optional_credential_fields
            return {field: value for field, value in given.items() if field in wanted and value}
    return None


def _credentials(held: Channel, fields: Mapping[str, str]) -> tuple[Credential, ...]:
    """The variables' credential, under the id that it has when it is the one already stored or the next form of it."""
    first = held.credentials[0] if held.credentials else Credential("", {})
    return held.credentials if first.fields == text_fields(fields) else (Credential(first.id, fields), *held.credentials[1:])

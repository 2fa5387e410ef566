"""Which of the sealed values in the database open with the secrets in force."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.secrets import Vault, WrongSecret
from app.store.tables import channels, credentials, keys

_CREDENTIALS = select(channels.c.name, credentials.c.sealed).join(channels).order_by(channels.c.number, credentials.c.position)
_WEBHOOK_SECRETS = (
    select(keys.c.name, keys.c.webhook_secret)
    .where(keys.c.webhook_secret.is_not(None), keys.c.webhook_secret != "")
    .order_by(keys.c.number)
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many values of a kind there are, and whose do not open: names, each once."""

    count: int
    unopened: tuple[str, ...]


async def credentials_of_channels(connection: AsyncConnection, vault: Vault) -> Sealed:
    """The vendors' credentials, those of deleted channels too: running jobs need them."""
    return _tried(vault, [(name, sealed) for name, sealed in await connection.execute(_CREDENTIALS)])


async def webhook_secrets(connection: AsyncConnection, vault: Vault) -> Sealed:
    """What clients' webhooks are signed with."""
    return _tried(vault, [(name, sealed) for name, sealed in await connection.execute(_WEBHOOK_SECRETS)])


def _tried(vault: Vault, values: list[tuple[str, str]]) -> Sealed:
    return Sealed(len(values), tuple(dict.fromkeys(_unopened(vault, values))))


def _unopened(vault: Vault, values: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, sealed in values:
        try:
            vault.open(sealed)
        except WrongSecret:
            yield name

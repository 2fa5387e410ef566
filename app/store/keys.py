"""What clients show to us. Only a hash is stored: who reads the database cannot use a key.

The secrets that sign a key's webhooks are needed in the clear, so they are sealed; no `Key` holds them.
"""

import hashlib

from sqlalchemy import RowMapping, Select, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Key
from app.domain.webhooks import WebhookSecrets
from app.store.revision import bump
from app.store.secrets import Vault, WrongSecret
from app.store.tables import keys

_PLAIN = (
    *("id", "name", "hash", "hint", "expires_at", "strict", "enabled", "created_at"),
    *("rpm", "max_concurrency", "budget", "budget_period", "allow_unpriced", "store_prompts"),
    *("keep_results", "callback_url"),
)
_INSERT = insert(keys)
_ALL = select(keys).order_by(keys.c.number)
_UPDATE = update(keys).where(keys.c.id == bindparam("which"))
_DELETE = delete(keys).where(keys.c.id == bindparam("which"))
_BY_ID = select(keys).where(keys.c.id == bindparam("which"))
_BY_HASH = select(keys).where(keys.c.hash == bindparam("shown"))
_SECRETS = select(keys.c.webhook_secret, keys.c.webhook_secret_before, keys.c.webhook_secret_until).where(
    keys.c.id == bindparam("which")
)


def hash_key(text: str) -> str:
    """The stored form of a bearer text: SHA-256, in hex. Keys are long and random, so it needs no salt and no stretching."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def insert_one(connection: AsyncConnection, key: Key) -> None:
    """Adds a key."""
    await connection.execute(_INSERT, _row(key))
    await bump(connection)


async def get(connection: AsyncConnection, key_id: str) -> Key | None:
    """The key with this id."""
    return _key((await connection.execute(_BY_ID, {"which": key_id})).mappings().first())


async def by_hash(connection: AsyncConnection, shown: str) -> Key | None:
    """The key whose text has this hash."""
    return _key((await connection.execute(_BY_HASH, {"shown": shown})).mappings().first())


async def page(connection: AsyncConnection, *, before: str | None = None, limit: int = 100) -> list[Key]:
    """At most `limit` keys, the newest first, older than the key `before`."""
    query: Select[tuple[object, ...]] = select(keys).order_by(keys.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(keys.c.number < select(keys.c.number).where(keys.c.id == before).scalar_subquery())
    return [key for row in (await connection.execute(query)).mappings() if (key := _key(row)) is not None]


async def every(connection: AsyncConnection) -> list[Key]:
    """All keys, the oldest first."""
    rows = (await connection.execute(_ALL)).mappings()
    return [key for row in rows if (key := _key(row)) is not None]


async def update_one(connection: AsyncConnection, key: Key) -> bool:
    """Replaces what is stored under the key's id; False when there is no such key."""
    changed = await connection.execute(_UPDATE, {"which": key.id, **_row(key)})
    await bump(connection)
    return changed.rowcount == 1


async def delete_one(connection: AsyncConnection, key_id: str) -> bool:
    """Removes a key; its jobs stay for the operator. False when there is no such key."""
    changed = await connection.execute(_DELETE, {"which": key_id})
    await bump(connection)
    return changed.rowcount == 1


async def webhook_secrets(connection: AsyncConnection, vault: Vault, key_id: str) -> WebhookSecrets | None:
    """What the key's webhooks are signed with; None when it has no secret, or there is no such key. Raises WrongSecret."""
    row = (await connection.execute(_SECRETS, {"which": key_id})).first()
    if row is None or not row.webhook_secret:
        return None
    before = _opened(vault, row.webhook_secret_before) if row.webhook_secret_before else None
    return WebhookSecrets(_opened(vault, row.webhook_secret), before, row.webhook_secret_until)


async def put_webhook_secrets(connection: AsyncConnection, vault: Vault, key_id: str, secrets: WebhookSecrets) -> bool:
    """Replaces what the key's webhooks are signed with; False when there is no such key."""
    row = {
        "webhook_secret": _sealed(vault, secrets.current),
        "webhook_secret_before": None if secrets.before is None else _sealed(vault, secrets.before),
        "webhook_secret_until": secrets.until,
    }
    return (await connection.execute(_UPDATE, {"which": key_id, **row})).rowcount == 1


def _sealed(vault: Vault, secret: str) -> str:
    return vault.seal({"secret": secret})


def _opened(vault: Vault, sealed: str) -> str:
    secret = vault.open(sealed).get("secret")
    if not isinstance(secret, str) or not secret:
        raise WrongSecret
    return secret


def _row(key: Key) -> dict[str, object]:
    row = {name: getattr(key, name) for name in _PLAIN}
    row["groups"] = sorted(key.groups)
    row["models"] = None if key.models is None else sorted(key.models)
    row["allowed_ips"] = list(key.allowed_ips) or None
    return row


def _key(row: RowMapping | None) -> Key | None:
    if row is None:
        return None
    models = row["models"]
    return Key(
        **{name: row[name] for name in _PLAIN},
        groups=frozenset(row["groups"]),
        models=None if models is None else frozenset(models),
        allowed_ips=tuple(row["allowed_ips"] or ()),
    )

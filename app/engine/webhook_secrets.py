"""What webhooks are signed with: a secret of each key, shown once, in the form of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-21
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from standardwebhooks import Webhook as Signer

from app.domain.errors import NotFound
from app.domain.json import Json, JsonObject
from app.domain.webhooks import WebhookSecrets
from app.engine import audit
from app.engine.audit import Actor
from app.engine.changes import changing
from app.engine.clock import Now
from app.engine.masking import MASK
from app.engine.views import seconds
from app.store import keys as key_store
from app.store.database import Database
from app.store.secrets import Vault, WrongSecret

_PREFIX = "whsec_"
_RANDOM = 33  # bytes: 44 characters without padding


@dataclass(frozen=True, slots=True)
class RenewedSecret:
    """A new secret of a key, to be shown once; the one before it signs along until `before_until`."""

    key_id: str
    secret: str = field(repr=False)
    before_until: datetime | None = None

    def view(self) -> dict[str, Json]:
        """The answer that shows it."""
        return {
            "object": "webhook_secret",
            "key_id": self.key_id,
            "webhook_secret": self.secret,
            "previous_valid_until": seconds(self.before_until),
        }


@dataclass(frozen=True, slots=True)
class SecretDesk:
    """Gives keys new webhook secrets."""

    database: Database
    vault: Vault
    now: Now
    actor: Actor

    async def renew(self, key_id: str) -> RenewedSecret:
        """A new secret for the key, its first one or the next; raises NotFound."""
        async with changing(self.database) as connection:
            key = await key_store.get(connection, key_id) if key_id.isprintable() else None
            if key is None:
                raise NotFound(f"There is no key {key_id!r}.", param="id")
            now, held = self.now(), await self._held(connection, key_id)
            secret = new_secret()
            wanted = WebhookSecrets(secret) if held is None else held.renewed(secret, now)
            await key_store.put_webhook_secrets(connection, self.vault, key_id, wanted)
            changes: JsonObject = {"webhook_secret": {"from": None if held is None else MASK, "to": MASK}}
            await audit.write(connection, self.actor, now, "update", "key", key.id, key.name, changes)
        return RenewedSecret(key_id, secret, wanted.until)

    async def _held(self, connection: AsyncConnection, key_id: str) -> WebhookSecrets | None:
        try:
            return await key_store.webhook_secrets(connection, self.vault, key_id)
        except WrongSecret:
            return None  # sealed under a SECRET_KEY that is gone: it signs nothing any more


def new_secret() -> str:
    """`whsec_` and base64, of letters and digits alone: a click selects all of it, and what looks for secrets finds all of it."""
    while not (text := base64.b64encode(secrets.token_bytes(_RANDOM)).decode()).isalnum():
        continue
    return _PREFIX + text


def signed_headers(webhook_id: str, body: bytes, in_force: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers by which a receiver knows that these bytes come from us: a signature by each secret."""
    text = body.decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(webhook_id, now, text) for secret in in_force),
    }

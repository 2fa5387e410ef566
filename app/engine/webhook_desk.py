"""Webhooks as operators see them: what was told to whom, how each try went, and once more on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import NotFound
from app.domain.json import Json
from app.domain.webhooks import Webhook, WebhookTry
from app.engine.clock import Now
from app.engine.redaction import redact
from app.engine.views import seconds
from app.store import webhooks as webhook_store
from app.store.database import Database
from app.store.webhooks import WebhookFilter


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """Reads the log of deliveries, and has a webhook delivered again."""

    database: Database
    now: Now

    async def page(self, wanted: WebhookFilter, *, before: str | None, limit: int) -> list[dict[str, Json]]:
        """At most `limit` webhooks with their tries, the newest first, older than the webhook `before`."""
        async with self.database.read() as connection:
            found = await webhook_store.page(connection, wanted, before=before, limit=limit)
            tries = await webhook_store.tries_of(connection, [webhook.id for webhook in found])
        return [webhook_view(webhook, tries.get(webhook.id, ())) for webhook in found]

    async def one(self, webhook_id: str) -> dict[str, Json]:
        """A webhook with its tries; raises NotFound."""
        found: Webhook | None = None
        tries: dict[str, list[WebhookTry]] = {}
        if webhook_id.isprintable():
            async with self.database.read() as connection:
                found = await webhook_store.get(connection, webhook_id)
                tries = await webhook_store.tries_of(connection, [webhook_id])
        return _view(webhook_id, found, tries)

    async def replay(self, webhook_id: str) -> dict[str, Json]:
        """Has a webhook delivered again at once, under the same id and with the job as it is now; raises NotFound."""
        found: Webhook | None = None
        tries: dict[str, list[WebhookTry]] = {}
        if webhook_id.isprintable():
            async with self.database.write() as connection:
                found = await webhook_store.replay(connection, webhook_id, self.now())
                tries = await webhook_store.tries_of(connection, [webhook_id])
        return _view(webhook_id, found, tries)


def webhook_view(webhook: Webhook, tries: Sequence[WebhookTry]) -> dict[str, Json]:
    """A webhook with every try; what looks like a secret in its URL is masked."""
    return {
        "id": webhook.id,
        "object": "webhook",
        "key_id": webhook.key_id,
        "job_id": webhook.job_id,
        "url": redact(webhook.url),
        "type": webhook.type,
        "state": webhook.state.value,
        "created_at": seconds(webhook.created_at),
        "next_try_at": seconds(webhook.due),
        "ended_at": seconds(webhook.ended_at),
        "attempts": [_try_view(tried) for tried in tries],
    }


def _view(webhook_id: str, found: Webhook | None, tries: Mapping[str, Sequence[WebhookTry]]) -> dict[str, Json]:
    if found is None:
        raise NotFound(f"There is no webhook {webhook_id[:200]!r}.", param="id")
    return webhook_view(found, tries.get(webhook_id, ()))


def _try_view(tried: WebhookTry) -> dict[str, Json]:
    return {
        "number": tried.number,
        "at": seconds(tried.at),
        "milliseconds": tried.milliseconds,
        "status": tried.status,
        "detail": tried.detail,
    }

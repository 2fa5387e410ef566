"""Webhooks for operators: the log of deliveries, one more delivery, and a new secret for a key."""

from fastapi import Response

from app.api.admin.access import admin_router
from app.api.admin.desks import Before, Limit, admin_actor
from app.api.admin.types import Name
from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.domain.webhooks import WebhookState
from app.engine.views import page_view, split_page
from app.engine.webhook_desk import WebhookDesk
from app.engine.webhook_secrets import SecretDesk
from app.store.webhooks import WebhookFilter

router = admin_router()


@router.get("/webhooks")
async def list_webhooks(
    gateway: GatewayDep,
    key_id: Name | None = None,
    job_id: Name | None = None,
    state: WebhookState | None = None,
    before: Before = None,
    limit: Limit = 50,
) -> Response:
    """Webhooks with every attempt to deliver them, the newest first."""
    wanted = WebhookFilter(key_id=key_id, job_id=job_id, state=state)
    rows = await WebhookDesk(gateway.database, gateway.now).page(wanted, before=before, limit=limit + 1)
    found, more = split_page(rows, limit)
    return json_answer(page_view(found, more))


@router.post("/webhooks/{webhook_id}/replay")
async def replay_webhook(webhook_id: str, gateway: GatewayDep) -> Response:
    """Has a webhook delivered again at once, under the same id, whatever became of it before."""
    replayed = await WebhookDesk(gateway.database, gateway.now).replay(webhook_id)
    gateway.deliveries.wake()
    return json_answer(replayed)


@router.post("/keys/{key_id}/webhook-secret")
async def renew_key_webhook_secret(key_id: str, gateway: GatewayDep) -> Response:
    """Makes a new webhook secret for a key, shown only here; the one before it signs along for 24 hours."""
    desk = SecretDesk(gateway.database, gateway.vault, gateway.now, admin_actor())
    return json_answer((await desk.renew(key_id)).view(), headers={"cache-control": "no-store"})

"""`/v1/webhook-secret`: what a key's webhooks are signed with, for its holder."""

from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import CurrentKey, GatewayDep
from app.engine.audit import Actor
from app.engine.webhook_secrets import SecretDesk
from app.logs import request_id


async def renew_webhook_secret(key: CurrentKey, gateway: GatewayDep) -> Response:
    """Makes a new webhook secret, shown only here; the one before it signs along for 24 hours."""
    desk = SecretDesk(gateway.database, gateway.vault, gateway.now, Actor("key holder", request_id.get()))
    return json_answer((await desk.renew(key.id)).view(), headers={"cache-control": "no-store"})

"""Webhooks: what clients were told, how each try went, and once more on demand."""

from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.lists import PAGE, Text, chosen, older
from app.console.pages import page
from app.console.viewer import Console, Operator
from app.domain.webhooks import WebhookState
from app.engine.gateway import Gateway
from app.engine.views import page_view, split_page
from app.engine.webhook_desk import WebhookDesk
from app.store.webhooks import WebhookFilter

router = APIRouter()
_SOON = 120.0  # seconds within which a try is worth waiting for


@router.get("/webhooks")
async def list_webhooks(
    request: Request,
    viewer: Operator,
    gateway: Console,
    state: WebhookState | Literal[""] = "",
    key_id: Text = "",
    job_id: Text = "",
    before: Text = "",
) -> Response:
    """Every webhook with its last try, the newest first."""
    filters = {"state": state or None, "key_id": chosen(key_id), "job_id": chosen(job_id)}
    wanted = WebhookFilter(key_id=filters["key_id"], job_id=filters["job_id"], state=state or None)
    found, more = split_page(await _desk(gateway).page(wanted, before=chosen(before), limit=PAGE + 1), PAGE)
    content = {
        "lines": found,
        "filters": filters,
        "states": [one.value for one in WebhookState],
        "key_names": {key.id: key.name for key in gateway.configuration.every_key()},
        "older": older(request.url.path, filters, page_view(found, more)["next"]),
    }
    return page(request, viewer, "webhooks.html", content)


@router.get("/webhooks/{webhook_id}")
async def show_webhook(request: Request, viewer: Operator, gateway: Console, webhook_id: str) -> Response:
    """One webhook with every try."""
    webhook = await _desk(gateway).one(webhook_id)
    key = gateway.configuration.key_by_id(str(webhook["key_id"]))
    due = webhook["next_try_at"]
    soon = isinstance(due, int) and due - gateway.now().timestamp() < _SOON
    return page(request, viewer, "webhooks_one.html", {"webhook": webhook, "key": key, "soon": soon})


def _desk(gateway: Gateway) -> WebhookDesk:
    return WebhookDesk(gateway.database, gateway.now)

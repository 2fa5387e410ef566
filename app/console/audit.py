"""Who changed what."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.lists import PAGE, Text, chosen, older
from app.console.pages import page
from app.console.viewer import Console, Operator
from app.engine.audit import AuditDesk
from app.engine.views import page_view, split_page

router = APIRouter()
_KINDS, _ACTIONS = ("key", "channel", "group"), ("create", "update", "delete", "test")


@router.get("/audit")
async def list_changes(
    request: Request, viewer: Operator, gateway: Console, kind: Text = "", action: Text = "", subject: Text = "", before: Text = ""
) -> Response:
    """Every change of keys, channels and groups, the newest first."""
    filters = {"kind": chosen(kind), "action": chosen(action), "subject": chosen(subject)}
    desk = AuditDesk(gateway.database)
    found, more = split_page(await desk.page(**filters, before=chosen(before), limit=PAGE + 1), PAGE)
    shown = page_view(found, more)
    content = {"lines": found, "filters": filters, "kinds": _KINDS, "actions": _ACTIONS}
    return page(request, viewer, "audit.html", {**content, "older": older(request.url.path, filters, shown["next"])})

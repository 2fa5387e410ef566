"""The audit log: who changed what, and when."""

from fastapi import Response

from app.api.admin.access import admin_router
from app.api.admin.desks import Audit, Before, Limit
from app.api.admin.types import Name
from app.api.answers import json_answer
from app.engine.views import page_view, split_page

router = admin_router()


@router.get("/audit")
async def list_changes(
    audit: Audit,
    kind: Name | None = None,
    subject: Name | None = None,
    action: Name | None = None,
    before: Before = None,
    limit: Limit = 50,
) -> Response:
    """Changes of keys, channels and groups, the newest first; `subject` is the id of what was changed."""
    lines = await audit.page(kind=kind, subject=subject, action=action, before=before, limit=limit + 1)
    found, more = split_page(lines, limit)
    return json_answer(page_view(found, more))

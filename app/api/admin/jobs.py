"""Jobs of all keys, for operators."""

from fastapi import Response

from app.api.admin.access import admin_router
from app.api.admin.desks import Before, Limit
from app.api.admin.types import ModelName, Name
from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.domain.jobs import JobStatus
from app.engine.job_desk import JobDesk, JobFilter
from app.engine.route_summary import ROUTE_HEADER
from app.engine.views import page_view, split_page

router = admin_router()


@router.get("/jobs")
async def list_jobs(
    gateway: GatewayDep,
    status: JobStatus | None = None,
    key_id: Name | None = None,
    channel: Name | None = None,
    model: ModelName | None = None,
    before: Before = None,
    limit: Limit = 50,
) -> Response:
    """Jobs, the newest first; `channel` is an id or a name."""
    desk = JobDesk(gateway.database, gateway.configuration)
    wanted = JobFilter(status, key_id, channel, model)
    found, more = split_page(await desk.page(wanted, before=before, limit=limit + 1), limit)
    return json_answer(page_view(found, more))


@router.get("/jobs/{job_id}")
async def get_job(job_id: str, gateway: GatewayDep) -> Response:
    """One job: what was asked, what was sent, to whom, what came of it and what it cost."""
    view, route = await JobDesk(gateway.database, gateway.configuration).told(job_id)
    return json_answer(view, headers={ROUTE_HEADER: route})

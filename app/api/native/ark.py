"""`/api/v3/contents/generations/tasks`: video jobs as Volcengine Ark's own SDK makes, reads, lists and cancels them."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import GatewayDep, own_job, shown_id
from app.api.dialects.native_ark import CANCELLED, EXPIRED, task_list, task_object, video_body
from app.api.jobs import linker
from app.api.native.keys import NativeKey
from app.api.native.making import read_native_wish, started, task_answer
from app.domain.jobs import JobStatus
from app.store.task_pages import TaskFilter, task_page

TASKS = "/api/v3/contents/generations/tasks"
Status = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
_FILTERS: dict[Status, TaskFilter] = {
    "queued": TaskFilter(JobStatus.QUEUED),
    "running": TaskFilter(JobStatus.IN_PROGRESS),
    "succeeded": TaskFilter(JobStatus.COMPLETED),
    "failed": TaskFilter(JobStatus.FAILED, other_than=CANCELLED | EXPIRED),
    "cancelled": TaskFilter(JobStatus.FAILED, codes=CANCELLED),
    "expired": TaskFilter(JobStatus.FAILED, codes=EXPIRED),
}
PageNumber = Annotated[int, Query(ge=1, le=500, description="From 1.")]
PageSize = Annotated[int, Query(ge=1, le=500)]
StatusFilter = Annotated[Status | None, Query(alias="filter.status")]
IdFilter = Annotated[list[str] | None, Query(alias="filter.task_ids", max_length=500, description="May stand several times.")]
ModelFilter = Annotated[
    str | None, Query(alias="filter.model", max_length=256, pattern=r"^[^\x00-\x1f]*$", description="A public name.")
]


async def create_ark_task(request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """Starts a video job and answers with its id as soon as a vendor has accepted it."""
    wish = await read_native_wish(request, gateway, key, video_body, endpoint=TASKS)
    named = {} if wish.request.user is None else {"safety_identifier": wish.request.user}
    return await started(request, gateway, wish, lambda job: {"id": job.id, **named})


async def read_ark_task(job_id: str, request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """A video job."""
    link_of = linker(request, gateway)
    return task_answer(gateway, await own_job(gateway, key, job_id, "video"), lambda job: task_object(job, link_of(job)))


async def list_ark_tasks(
    request: Request,
    key: NativeKey,
    gateway: GatewayDep,
    page_num: PageNumber = 1,
    page_size: PageSize = 10,
    status: StatusFilter = None,
    task_ids: IdFilter = None,
    model: ModelFilter = None,
) -> Response:
    """This key's own video jobs, the newest first."""
    told = _FILTERS[status] if status else TaskFilter()
    ids = [shown_id(written) or "" for written in task_ids or ()]
    wanted = TaskFilter(told.status, told.codes, told.other_than, ids, model or None)
    async with gateway.database.read() as connection:
        found, total = await task_page(connection, key.id, "video", wanted, limit=page_size, offset=(page_num - 1) * page_size)
    return json_answer(task_list(found, total, linker(request, gateway)))


async def delete_ark_task(job_id: str, key: NativeKey, gateway: GatewayDep) -> Response:
    """Cancels a job that has not ended, where its vendor can; removes one that has, with its files."""
    job = await own_job(gateway, key, job_id, "video")
    if job.status.final:
        await gateway.delete(job.id, key.id)
    else:
        await gateway.cancel(job)
    return json_answer({})  # the SDK reads an answer without a body as broken JSON

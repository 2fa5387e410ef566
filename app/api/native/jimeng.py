"""`/jimeng/`: jobs as clients of Volcengine's visual API make and read them; the query says which of the two is meant."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.body import read_body
from app.api.deps import GatewayDep, base_url, own_job
from app.api.dialects.native_fields import NativeBody
from app.api.dialects.native_jimeng import (
    ROUTE,
    SUBMITS,
    asked_again,
    image_result,
    picture_body,
    submit_body,
    submitted,
    video_result,
)
from app.api.image_jobs import pictures_of
from app.api.jobs import linker
from app.api.native.keys import NativeKey
from app.api.native.making import Translate, read_native_wish, started, task_answer
from app.api.native.offered import makes_pictures
from app.domain.channels import Key
from app.domain.errors import InvalidRequest, NotFound
from app.domain.jobs import Job, JobStatus
from app.domain.json import JsonObject
from app.engine.gateway import Gateway
from app.logs import request_id

ENDPOINT = ROUTE
ActionName = Annotated[
    Literal["CVSync2AsyncSubmitTask", "CVSync2AsyncGetResult", "CVSubmitTask", "CVGetResult"],
    Query(alias="Action", description="To submit a task, or to ask about one."),
]


async def serve_jimeng(request: Request, key: NativeKey, gateway: GatewayDep, action: ActionName) -> Response:
    """Starts a job and answers with its id, or answers how far one is; the model stands in `req_key`."""
    if action in SUBMITS:
        wish = await read_native_wish(request, gateway, key, _reader(gateway, key), endpoint=ENDPOINT)
        return await started(request, gateway, wish, lambda job: submitted(job, request_id.get()))
    body = await read_body(request, gateway.settings.max_body)
    job, notices = asked_again(await _own(gateway, key, body.fields), body.fields)
    result = await _result(request, gateway, job)
    return task_answer(gateway, job, lambda _: result, notices)


def _reader(gateway: Gateway, key: Key) -> Translate:
    def read(body: JsonObject) -> NativeBody:
        model = body.get("model") or body.get("req_key")
        return picture_body(body) if isinstance(model, str) and makes_pictures(gateway, key, model) else submit_body(body)

    return read


async def _own(gateway: Gateway, key: Key, fields: JsonObject) -> Job:
    task_id = fields.get("task_id")
    if not isinstance(task_id, str) or not task_id:
        raise InvalidRequest("`task_id` is missing.", code="missing_required_parameter", param="task_id")
    try:
        return await own_job(gateway, key, task_id, "video", "task_id")
    except NotFound:
        return await own_job(gateway, key, task_id, "image", "task_id")


async def _result(request: Request, gateway: Gateway, job: Job) -> JsonObject:
    if job.op == "video":
        return video_result(job, linker(request, gateway)(job), request_id.get())
    done = job.status is JobStatus.COMPLETED
    pictures = await pictures_of(gateway, await gateway.formats.applied(job), base_url(request, gateway)) if done else []
    return image_result(job, pictures, request_id.get())

"""`/kling/v1/videos/…`: video jobs as Kling's own clients make and read them."""

from typing import Annotated, Literal

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from app.api.deps import GatewayDep, own_job
from app.api.dialects.native_kling import envelope, extension_body, image_body, omni_body, subjects_body, text_body
from app.api.jobs import linker
from app.api.native.keys import NativeKey
from app.api.native.making import Show, Translate, read_native_wish, started, task_answer
from app.api.wishes import UNSAID
from app.domain.channels import Key
from app.domain.errors import NotFound
from app.domain.jobs import Job
from app.engine.gateway import Gateway
from app.logs import request_id
from app.store import jobs as job_store

ROOT = "/kling/v1/videos"
Action = Annotated[
    Literal["text2video", "image2video", "multi-image2video", "omni-video", "video-extend"],
    Path(description="The path that made the job; any of them finds it."),
]
_LONGEST_NAME = 128  # characters of an `external_task_id`


async def create_kling_text2video(request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """Starts a job that makes a video from words."""
    return await _started(request, key, gateway, "text2video", text_body)


async def create_kling_image2video(request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """Starts a job that makes a video from its first frame, its last, or both."""
    return await _started(request, key, gateway, "image2video", image_body)


async def create_kling_multi_image2video(request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """Starts a job that makes a video in which the things on several pictures are seen."""
    return await _started(request, key, gateway, "multi-image2video", subjects_body)


async def create_kling_omni_video(request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """Starts a job that makes a video from words, pictures and a clip, or changes the clip."""
    return await _started(request, key, gateway, "omni-video", omni_body)


async def extend_kling_video(request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """Starts a job that continues a video: one of your own, by the id in its result."""
    return await _started(request, key, gateway, "video-extend", extension_body(UNSAID))


async def read_kling_task(action: Action, task_id: str, request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """A video job, by its id or by the `external_task_id` that it was given."""
    return task_answer(gateway, await _found(gateway, key, task_id), _show(request, gateway))


async def _started(request: Request, key: Key, gateway: Gateway, action: str, translate: Translate) -> Response:
    wish = await read_native_wish(request, gateway, key, translate, endpoint=f"{ROOT}/{action}")
    return await started(request, gateway, wish, _show(request, gateway))


def _show(request: Request, gateway: Gateway) -> Show:
    link_of = linker(request, gateway)
    return lambda job: envelope(job, link_of(job), request_id.get())


async def _found(gateway: Gateway, key: Key, task_id: str) -> Job:
    try:
        return await own_job(gateway, key, task_id, "video", "task_id")
    except NotFound:
        if len(task_id) > _LONGEST_NAME or not task_id.isprintable():
            raise
        async with gateway.database.read() as connection:
            named = await job_store.by_client_task(connection, key.id, task_id)
        if named is None or named.op != "video":
            raise
        return named

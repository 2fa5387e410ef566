"""`/v1/videos`: video jobs in OpenAI's dialect."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import CurrentKey, GatewayDep, own_job, shown_id
from app.api.dialects.videos import deleted_object, video_list, video_object
from app.api.downloads import ask_of, send_content
from app.api.jobs import check_finished, job_answer, linker, started
from app.api.waiting import Wait, waited
from app.api.wishes import read_derived_wish, read_wish

Limit = Annotated[int, Query(ge=0, le=100, description="How many, at most.")]
Order = Annotated[Literal["asc", "desc"], Query(description="By creation time; `desc` is newest first.")]
After = Annotated[str | None, Query(description="The last id of the page before.")]
Index = Annotated[int, Query(ge=0, le=99, description="Which result, where a job has several.")]
VariantName = Annotated[
    Literal["video", "thumbnail", "spritesheet", "last_frame", "preview"],
    Query(description="The film itself, or a picture of it: JPEG (thumbnail, sheet of 25 stills), PNG (last frame), moving WebP."),
]


async def create_video(request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Starts a video job and answers as soon as a vendor has accepted it."""
    return await started(request, gateway, await read_wish(request, gateway, key, "/v1/videos"))


async def edit_video(request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Starts a job that changes a video: one of your own (`video: {id}`), a URL or a file."""
    return await started(request, gateway, await read_derived_wish(request, gateway, key, "/v1/videos/edits"))


async def extend_video(request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Starts a job that continues a video: one of your own (`video: {id}`), a URL or a file."""
    return await started(request, gateway, await read_derived_wish(request, gateway, key, "/v1/videos/extensions"))


async def remix_video(job_id: str, request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Starts a job that makes a finished video of yours again, with another prompt."""
    return await started(request, gateway, await read_derived_wish(request, gateway, key, "/v1/videos/remix", job_id))


async def list_videos(
    request: Request, key: CurrentKey, gateway: GatewayDep, limit: Limit = 20, order: Order = "desc", after: After = None
) -> Response:
    """This key's own video jobs, a page at a time."""
    found = await gateway.page(key.id, "video", limit=limit + 1, order=order, after=shown_id(after))
    page = video_list(found[:limit], linker(request, gateway), has_more=len(found) > limit)
    return json_answer(page)


async def read_video(job_id: str, request: Request, key: CurrentKey, gateway: GatewayDep, wait: Wait = 0) -> Response:
    """A video job."""
    job = await waited(request, gateway, await own_job(gateway, key, job_id, "video"), wait)
    return job_answer(job, video_object(job, linker(request, gateway)(job)), gateway)


async def delete_video(job_id: str, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Removes a video job with its files; one that still runs is cancelled first, where its vendor can."""
    job = await own_job(gateway, key, job_id, "video")
    await gateway.delete(job.id, key.id)
    return json_answer(deleted_object(job.id))


async def cancel_video(job_id: str, request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Cancels a running job at its vendor; the job then failed with the code `cancelled`."""
    job = await gateway.cancel(await own_job(gateway, key, job_id, "video"))
    return job_answer(job, video_object(job, linker(request, gateway)(job)), gateway)


async def read_video_content(
    job_id: str,
    request: Request,
    key: CurrentKey,
    gateway: GatewayDep,
    variant: VariantName = "video",
    index: Index = 0,
) -> Response:
    """The file that a job made, or a picture of it; ranges and conditional requests work."""
    job = await own_job(gateway, key, job_id, "video")
    check_finished(job)
    ask = ask_of(request)
    if variant == "video":
        return await send_content(request, await gateway.results.content(job, index, ask), gateway)
    return await send_content(request, await gateway.variants.content(job, index, variant, ask), gateway)

"""`/v1/images/*`: pictures in OpenAI's dialect, in the answer itself or as a stream."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import json_answer, warning_headers
from app.api.deps import CurrentKey, GatewayDep, base_url
from app.api.dialects.images import Kind, Picture, image_object, wants_bytes
from app.api.errors import job_failed
from app.api.image_events import event_stream, picture_events, result_events
from app.api.replays import Making, once
from app.api.wishes import read_wish
from app.domain.errors import GatewayError
from app.domain.jobs import Job, JobStatus
from app.domain.replays import over
from app.domain.requests import ImageRequest
from app.engine.gateway import Gateway, Wish


async def generate_image(request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Makes pictures from words, and from other pictures where `image` is given."""
    wish = await read_wish(request, gateway, key, "/v1/images/generations")
    return await _answer(request, gateway, wish, "image_generation")


async def edit_image(request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Changes one or several pictures, in the places that `mask` leaves open if there is one."""
    wish = await read_wish(request, gateway, key, "/v1/images/edits")
    return await _answer(request, gateway, wish, "image_edit")


async def _answer(request: Request, gateway: Gateway, wish: Wish, kind: Kind) -> Response:
    base = base_url(request, gateway)
    if isinstance(wish.request, ImageRequest) and wish.request.stream:
        return await once(request, gateway, wish, _streaming(gateway, kind))

    async def first(wish: Wish) -> Response:
        return await _shown(gateway, await gateway.create_and_wait(wish), base)

    async def again(job: Job) -> Response:
        return await _shown(gateway, await gateway.formats.applied(job), base)

    return await once(request, gateway, wish, Making(first, again, over))


def _streaming(gateway: Gateway, kind: Kind) -> Making:
    async def first(wish: Wish) -> Response:
        return await event_stream(picture_events(gateway, wish, kind))

    async def again(job: Job) -> Response:
        return await event_stream(result_events(gateway, job, kind))

    return Making(first, again, ready=None)


async def _shown(gateway: Gateway, job: Job, base: str) -> Response:
    if job.status is not JobStatus.COMPLETED:
        raise job_failed(job)
    return json_answer(image_object(job, await _pictures(gateway, job, base)), headers=warning_headers(job.notices))


async def _pictures(gateway: Gateway, job: Job, base: str) -> list[Picture]:
    pictures: list[Picture] = []
    for index, output in enumerate(job.outputs):
        if not wants_bytes(job, output):
            pictures.append(Picture(url=gateway.links.result(job.id, index, base)))
            continue
        try:
            pictures.append(Picture(b64_json=await gateway.results.inline(job, index)))
        except GatewayError as error:
            error.job_id = job.id  # the pictures exist and may be charged: the same request again would make others
            raise
    return pictures

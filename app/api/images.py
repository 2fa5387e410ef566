"""`/v1/images/*`: pictures in OpenAI's dialect, in the answer itself, as a stream, or later."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import json_answer, warning_headers
from app.api.deps import CurrentKey, GatewayDep, base_url
from app.api.dialects.images import Kind, image_object
from app.api.errors import job_failed
from app.api.image_events import event_stream, picture_events, result_events
from app.api.image_jobs import answer_later, pictures_of
from app.api.replays import Making, once
from app.api.wishes import read_wish
from app.domain.errors import GatewayError, InvalidRequest
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
    streamed = isinstance(wish.request, ImageRequest) and wish.request.stream
    if streamed and wish.patient:
        name = wish.request.client_name("stream")
        raise InvalidRequest(f"`{name}` excludes a result that is made in the background.", param=name)
    if wish.patient:
        return await answer_later(request, gateway, wish)
    if streamed:
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
    try:
        pictures = await pictures_of(gateway, job, base)
    except GatewayError as error:
        error.job_id = job.id  # the pictures exist and may be charged: the same request again would make others
        raise
    return json_answer(image_object(job, pictures), headers=warning_headers(job.notices))

"""`/api/v3/images/generations`: pictures as Volcengine Ark's own SDK asks for them, in one answer or as events."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.answers import json_answer, warning_headers
from app.api.deps import GatewayDep, base_url
from app.api.dialects.images import Picture
from app.api.dialects.native_ark import image_body, image_events, images_object
from app.api.dialects.native_fields import NativeBody
from app.api.errors import job_failed
from app.api.image_events import event_stream
from app.api.image_jobs import pictures_of
from app.api.native.keys import NativeKey
from app.api.native.making import Translate, read_native_wish
from app.api.native.offered import takes_field
from app.api.replays import Making, once
from app.domain.channels import Key
from app.domain.errors import GatewayError
from app.domain.jobs import Job, JobStatus
from app.domain.json import JsonObject
from app.domain.most_results import GROUP
from app.domain.replays import over
from app.domain.requests import ImageRequest
from app.engine.gateway import Gateway, Wish

ENDPOINT = "/api/v3/images/generations"
_LOOK_AGAIN = 1.0  # seconds after which a job that another request started is looked at
_DONE = b"data: [DONE]\n\n"


async def generate_ark_images(request: Request, key: NativeKey, gateway: GatewayDep) -> Response:
    """Makes pictures from words, and from other pictures where `image` is given."""
    wish = await read_native_wish(request, gateway, key, _reader(gateway, key), endpoint=ENDPOINT)
    base = base_url(request, gateway)
    streamed = isinstance(wish.request, ImageRequest) and wish.request.stream
    return await once(request, gateway, wish, _streaming(gateway, base) if streamed else _whole(gateway, base))


def _reader(gateway: Gateway, key: Key) -> Translate:
    def read(body: JsonObject) -> NativeBody:
        model = body.get("model")
        return image_body(body, groups=isinstance(model, str) and takes_field(gateway, key, model, "image", GROUP))

    return read


def _whole(gateway: Gateway, base: str) -> Making:
    async def first(wish: Wish) -> Response:
        return await again(await gateway.create_and_wait(wish))

    async def again(job: Job) -> Response:
        job = _made(await gateway.formats.applied(job))
        shown = images_object(job, await _pictures(gateway, job, base))
        return json_answer(shown, headers=warning_headers(job.notices))

    return Making(first, again, over)


def _streaming(gateway: Gateway, base: str) -> Making:
    async def first(wish: Wish) -> Response:
        stored: list[Job] = []
        answer = await _streamed(_events(gateway, gateway.create_and_wait(replace(wish, stored=stored.append)), base))
        return _warned(answer, stored)

    async def again(job: Job) -> Response:
        return _warned(await _streamed(_events(gateway, gateway.ended(job, _LOOK_AGAIN), base)), [job])

    return Making(first, again, ready=None)


async def _events(gateway: Gateway, making: Awaitable[Job], base: str) -> AsyncIterator[JsonObject]:
    """The pictures, once all are there; raises GatewayError. The job goes on without a listener."""
    job = _made(await gateway.formats.applied(await making))
    for event in image_events(job, await _pictures(gateway, job, base)):
        yield event


async def _streamed(events: AsyncIterator[JsonObject]) -> StreamingResponse:
    answer = await event_stream(events)
    answer.body_iterator = _closed(answer.body_iterator)
    return answer


def _warned(answer: StreamingResponse, jobs: Sequence[Job]) -> StreamingResponse:
    """The answer with what was not done as asked, which is known as soon as a job is stored."""
    for job in jobs:
        answer.headers.update(warning_headers(job.notices))
    return answer


async def _closed(frames: AsyncIterable[str | bytes | memoryview]) -> AsyncIterator[str | bytes | memoryview]:
    async for frame in frames:
        yield frame
    yield _DONE


async def _pictures(gateway: Gateway, job: Job, base: str) -> list[Picture]:
    try:
        return await pictures_of(gateway, job, base)
    except GatewayError as error:
        error.job_id = job.id  # the pictures exist and may be charged: the same request again would make others
        raise


def _made(job: Job) -> Job:
    """The job, if it has results; raises JobFailed."""
    if job.status is not JobStatus.COMPLETED:
        raise job_failed(job)
    return job

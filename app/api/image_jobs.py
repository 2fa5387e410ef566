"""Pictures that are made in the background: a 202 as soon as the job exists, and `GET /v1/images/{id}` for the rest."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.api.deps import CurrentKey, GatewayDep, base_url, own_job
from app.api.dialects.images import Picture, image_job_object, wants_bytes
from app.api.jobs import job_answer
from app.api.replays import Making, once
from app.api.waiting import Wait, waited
from app.domain.jobs import Job
from app.engine.gateway import Gateway, Wish


async def read_image(image_id: str, request: Request, key: CurrentKey, gateway: GatewayDep, wait: Wait = 0) -> Response:
    """An image job, whether its pictures were asked for in the background or not."""
    job = await waited(request, gateway, await own_job(gateway, key, image_id, "image"), wait)
    return await _shown(gateway, job, base_url(request, gateway))


async def answer_later(request: Request, gateway: Gateway, wish: Wish) -> Response:
    """Has an image job made, or made before by the same request, and shows it without waiting for its vendor."""
    base = base_url(request, gateway)

    async def first(wish: Wish) -> Response:
        return await again(await gateway.start(wish))

    async def again(job: Job) -> Response:
        return await _shown(gateway, job, base, 202, created=True)

    return await once(request, gateway, wish, Making(first, again, _stored))


async def pictures_of(gateway: Gateway, job: Job, base: str) -> list[Picture]:
    """The results as the client asked for them; `base` is the address for links. Raises what reading them raises."""
    pictures: list[Picture] = []
    for index, output in enumerate(job.outputs):
        if wants_bytes(job, output):
            pictures.append(Picture(b64_json=await gateway.results.inline(job, index)))
        else:
            pictures.append(Picture(url=gateway.links.result(job.id, index, base)))
    return pictures


async def _shown(gateway: Gateway, job: Job, base: str, status: int = 200, *, created: bool = False) -> Response:
    job = await gateway.formats.applied(job)
    content = image_job_object(job, await pictures_of(gateway, job, base))
    return job_answer(job, content, gateway, status, created=created)


def _stored(job: Job, parts: Sequence[Job] = ()) -> bool:
    """Whether a client that asked for a job in the background can be answered: it exists."""
    return True

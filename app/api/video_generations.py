"""`/v1/video/generations`: video jobs in new-api's dialect."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.deps import CurrentKey, GatewayDep, own_job
from app.api.dialects.generations import generation_object
from app.api.jobs import job_answer, linker, started
from app.api.waiting import Wait, waited
from app.api.wishes import read_wish

ROUTE = "/v1/video/generations"
Format = Annotated[Literal["legacy"] | None, Query(description="`legacy`: status words `processing` and `succeeded`.")]


async def create_generation(request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    """Starts a video job and answers as soon as a vendor has accepted it."""
    return await started(request, gateway, await read_wish(request, gateway, key, ROUTE))


async def read_generation(
    job_id: str, request: Request, key: CurrentKey, gateway: GatewayDep, format: Format = None, wait: Wait = 0
) -> Response:
    """A video job: flat keys as `/v1/videos` has them, and the wrapped task in `data`."""
    job = await waited(request, gateway, await own_job(gateway, key, job_id, "video"), wait)
    return job_answer(job, generation_object(job, linker(request, gateway)(job), legacy=format == "legacy"), gateway)

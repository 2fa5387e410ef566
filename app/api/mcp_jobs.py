"""The tools that make, follow and stop jobs, by the very functions that answer the HTTP API."""

import asyncio
import base64
from collections.abc import Mapping
from contextlib import aclosing, suppress

import orjson
from starlette.responses import Response, StreamingResponse

from app.api.deps import own_job
from app.api.images import generate_image
from app.api.jobs import linker
from app.api.mcp_calls import Call, Found, Refusal, SmallPicture
from app.api.mcp_views import job_view
from app.api.videos import create_video
from app.domain.channels import Key
from app.domain.errors import GatewayError, InvalidRequest, NotFound
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json
from app.domain.normalise.values import integer, trimmed, wrong_type
from app.engine.content import Ask, Content
from app.engine.gateway import Gateway
from app.engine.watching import changes

LONGEST_WAIT = 60  # seconds
USUAL_IMAGE_WAIT = 45  # seconds; many agents give a call up after a minute
MOST_PICTURE_BYTES = 1_000_000
_LONGEST_NAME = 255  # characters
_OURS = frozenset({"wait_seconds", "idempotency_key"})  # arguments that are no fields of a body
_UNFIT = frozenset({"stream", "response_format"})  # the form of an answer is the tool's business


async def make_image(call: Call) -> Found:
    """Makes pictures, and waits for them for a while."""
    wait = call.get("wait_seconds", integer(0, LONGEST_WAIT), USUAL_IMAGE_WAIT)
    body = {**_body(call), "response_format": "url"}
    request, key = await call.spending("/v1/images/generations", body, {"prefer": "respond-async", **_name(call)})
    return await _made(call, key, await generate_image(request, key, call.gateway), wait)


async def make_video(call: Call) -> Found:
    """Starts a video, and waits for it where the agent wants that."""
    wait = call.get("wait_seconds", integer(0, LONGEST_WAIT), 0)
    request, key = await call.spending("/v1/videos", _body(call), _name(call))
    return await _made(call, key, await create_video(request, key, call.gateway), wait)


async def look_at_job(call: Call) -> Found:
    """A job as it is now, or as it is when it has ended."""
    wait = call.get("wait_seconds", integer(0, LONGEST_WAIT), 0)
    return await _shown(call, await _settled(call, await _own(call), wait))


async def cancel_job(call: Call) -> Found:
    """Stops a job."""
    return await _shown(call, await call.gateway.cancel(await _own(call)))


def _body(call: Call) -> dict[str, Json]:
    """The arguments as a body of the HTTP API, which reads them by the very names."""
    body = {name: value for name, value in call.arguments.items() if name not in _OURS}
    metadata = body.get("metadata")
    if metadata is None:
        return body
    if not isinstance(metadata, Mapping):
        raise wrong_type("metadata", "an object")
    return {**body, "metadata": {name: value for name, value in metadata.items() if name not in _UNFIT}}


def _name(call: Call) -> dict[str, str]:
    """What the agent calls its request, as a header."""
    name = call.get("idempotency_key", trimmed(_LONGEST_NAME), "")
    if not (name.isascii() and name.isprintable()):
        raise InvalidRequest("`idempotency_key` must be printable ASCII characters.", param="idempotency_key")
    return {"idempotency-key": name} if name else {}


async def _made(call: Call, key: Key, response: Response, wait: int) -> Found:
    """What became of a create; raises Refusal for one that was refused."""
    if isinstance(response, StreamingResponse):  # nothing that is sent asks for one
        raise InvalidRequest("A tool cannot stream.", param="stream")
    body: dict[str, Json] = orjson.loads(bytes(response.body))
    if response.status_code >= 400:
        raise Refusal(body)
    job = await _settled(call, await call.gateway.job(str(body["id"]), key.id), wait)
    return await _shown(call, job, failed=job.status is JobStatus.FAILED)


async def _own(call: Call) -> Job:
    """The key's own job of either kind; raises NotFound for any other."""
    job_id, key = call.get("id", trimmed(_LONGEST_NAME), ""), await call.key()
    if not job_id:
        raise InvalidRequest("`id` is missing.", code="missing_required_parameter", param="id")
    try:
        return await own_job(call.gateway, key, job_id, "video")
    except NotFound:
        return await own_job(call.gateway, key, job_id, "image")


async def _settled(call: Call, job: Job, seconds: int) -> Job:
    """The job when it has ended, or as it is after this many seconds; who listens hears of its progress."""
    if seconds == 0 or job.status.final:
        return job
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(changes(call.gateway.database, call.gateway.watching, job)) as states:
            await call.progress(job.progress, _state(job))
            async for newer in states:
                told, job = job.progress, newer
                if job.progress > told:  # the protocol wants each number to be higher than the last
                    await call.progress(job.progress, _state(job))
    return job


def _state(job: Job) -> str:
    return f"{job.id} is {job.status.value}"


async def _shown(call: Call, job: Job, *, failed: bool = False) -> Found:
    job = await call.gateway.formats.applied(job)
    view = job_view(job, linker(call.request, call.gateway)(job), call.gateway.paces.of(job))
    single = job.op == "image" and job.status is JobStatus.COMPLETED and len(job.outputs) == 1
    return Found(view, await _picture(call.gateway, job) if single else None, failed)


async def _picture(gateway: Gateway, job: Job) -> SmallPicture | None:
    """The one picture of a job, where it is small and can be had; its link is in the answer anyhow."""
    try:
        content = await gateway.results.content(job, 0, Ask())
    except GatewayError:
        return None
    try:
        data = await _small(content)
    except GatewayError:
        return None
    finally:
        await content.close()
    return None if data is None else SmallPicture(base64.b64encode(data).decode(), content.headers["Content-Type"])


async def _small(content: Content) -> bytes | None:
    if not content.headers["Content-Type"].startswith("image/"):
        return None
    if int(content.headers.get("Content-Length", 0)) > MOST_PICTURE_BYTES:
        return None
    data = bytearray()
    async for chunk in content.chunks:
        data += chunk
        if len(data) > MOST_PICTURE_BYTES:
            return None
    return bytes(data)

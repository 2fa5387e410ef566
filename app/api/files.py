"""`/files/{token}`: results and uploads behind a signed link, without a key."""

from contextlib import suppress
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.deps import GatewayDep
from app.api.downloads import ask_of, handed_over, send_content
from app.api.jobs import check_finished
from app.domain.errors import NotFound, UpstreamUnreadable
from app.domain.jobs import Job
from app.engine.gateway import Gateway
from app.engine.links import LinkTarget

_BUCKET_LINK = timedelta(hours=1)  # how long a player may seek in a film without asking us again
_SHORTEST = timedelta(seconds=1)


async def read_file(token: str, request: Request, gateway: GatewayDep) -> Response:
    """The file that a link leads to, or where the storage hands it out itself."""
    target = gateway.links.read(token)
    if target.kind == "upload":
        return await _upload(request, gateway, target.id)
    job = await _job(gateway, target)
    if target.variant is not None:
        content = await gateway.variants.content(job, target.index, target.variant, ask_of(request))
        return await send_content(request, content, gateway)
    with suppress(UpstreamUnreadable):  # what cannot be converted is handed out as it is
        job = await gateway.formats.applied(job)
    # pages of our console show nothing from elsewhere
    elsewhere = gateway.settings.presigned_links and gateway.sessions.read(request.cookies) is None
    url = await _bucket_url(request, gateway, target, job) if elsewhere else None
    if url is not None:
        return Response(None, 307, {"Location": url, "Cache-Control": "no-store"})
    return await send_content(request, await gateway.results.content(job, target.index, ask_of(request)), gateway)


async def _job(gateway: Gateway, target: LinkTarget) -> Job:
    try:
        job = await gateway.job(target.id, None)
    except NotFound as error:  # deleted since the link was made; its id is nobody's business
        raise NotFound("There is no such file.") from error
    if not job.delivered_late:  # the link was given to who pays for it
        check_finished(job)
    return job


async def _bucket_url(request: Request, gateway: Gateway, target: LinkTarget, job: Job) -> str | None:
    """A link of the bucket that does not outlive ours; a signature is for one method."""
    lifetime = max(min(_BUCKET_LINK, timedelta(seconds=gateway.links.left(target))), _SHORTEST)
    return await gateway.results.presigned(job, target.index, lifetime, "HEAD" if request.method == "HEAD" else "GET")


async def _upload(request: Request, gateway: Gateway, name: str) -> Response:
    """A stored upload, as a vendor fetches it."""
    asset = await gateway.assets.stat(name)
    headers = {"Content-Length": str(asset.size), "Content-Type": asset.mime, "X-Content-Type-Options": "nosniff"}
    proxied = handed_over(gateway, asset.name, headers)
    if proxied is not None or request.method == "HEAD":
        return proxied or Response(None, headers=headers)
    return StreamingResponse(gateway.assets.open(name), headers=headers)

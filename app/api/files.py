"""`/files/{token}`: results and uploads behind a signed link, without a key."""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.deps import GatewayDep
from app.api.downloads import ask_of, send_content
from app.api.jobs import check_finished
from app.domain.errors import NotFound
from app.engine.gateway import Gateway


async def read_file(token: str, request: Request, gateway: GatewayDep) -> Response:
    """The file that a link leads to."""
    target = gateway.links.read(token)
    if target.kind == "upload":
        return await _upload(request, gateway, target.id)
    try:
        job = await gateway.job(target.id, None)
    except NotFound as error:  # deleted since the link was made; its id is nobody's business
        raise NotFound("There is no such file.") from error
    if not job.delivered_late:  # the link was given to who pays for it
        check_finished(job)
    return await send_content(request, await gateway.results.content(job, target.index, ask_of(request)))


async def _upload(request: Request, gateway: Gateway, name: str) -> Response:
    """A stored upload, as a vendor fetches it."""
    asset = await gateway.assets.stat(name)
    headers = {"Content-Length": str(asset.size), "Content-Type": asset.mime, "X-Content-Type-Options": "nosniff"}
    if request.method == "HEAD":
        return Response(None, headers=headers)
    return StreamingResponse(gateway.assets.open(name), headers=headers)

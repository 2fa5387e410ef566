"""The playground: a form made from what a model can do, for people who want to see before they write code."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.lists import Text, chosen
from app.console.pages import page
from app.console.viewer import Console, CurrentViewer, Viewer
from app.domain.canonical import to_json
from app.domain.channels import Key
from app.domain.errors import NotFound
from app.domain.jobs import Job
from app.domain.json import Json
from app.engine.gateway import Gateway

router = APIRouter()
_MOST_KEYS = 200  # to choose from; a key's own page leads here for any other
_VIDEO_MODES = ("t2v", "i2v", "flf2v", "r2v", "edit", "extend", "remix")
_IMAGE_MODES = ("t2i", "i2i")


@router.get("/playground")
async def show_playground(
    request: Request, viewer: CurrentViewer, gateway: Console, model: Text = "", key: Text = "", job: Text = ""
) -> Response:
    """The form; it begins with a model, or with what an earlier job was asked."""
    earlier = None if chosen(job) is None else await _job(gateway, viewer, job.strip())
    wanted_key = earlier.key_id if earlier else chosen(key)
    start: dict[str, Json] = {"model": chosen(model), "key": wanted_key, "request": None}
    if earlier is not None:
        start |= {"model": earlier.model, "request": to_json(earlier.asked, inline=False)}
    content: Mapping[str, object] = {
        "start": start,
        "keys": _keys(gateway, wanted_key) if viewer.admin else [],
        "video_modes": _VIDEO_MODES,
        "image_modes": _IMAGE_MODES,
    }
    return page(request, viewer, "playground.html", content)


async def _job(gateway: Gateway, viewer: Viewer, job_id: str) -> Job:
    if not job_id.isprintable() or not job_id.isascii():
        raise NotFound("There is no such job.")
    return await gateway.job(job_id, viewer.key.id if viewer.key else None)


def _keys(gateway: Gateway, wanted: str | None) -> list[Key]:
    """The keys that may be asked for, by name; the wanted one is among them."""
    now = gateway.now()
    usable = [key for key in gateway.configuration.every_key() if key.valid(now)]
    newest = usable[-_MOST_KEYS:]
    found = {key.id: key for key in [*newest, *(key for key in usable if key.id == wanted)]}
    return sorted(found.values(), key=lambda key: (key.name.lower(), key.id))

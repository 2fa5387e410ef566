"""What the playground asks before it sends: what a request would become and cost, and how it looks as code.

These answer with JSON, errors too, so they stand outside the application of the pages.
"""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from app.console.pages import secure
from app.console.snippets import snippets
from app.console.viewer import Console, CurrentViewer, Viewer
from app.domain.channels import Key
from app.domain.errors import NotAllowed, Unauthenticated
from app.domain.json import Json
from app.engine.explain import explain
from app.engine.explain_wish import Body, explained_wish
from app.engine.explanation_view import explanation_view
from app.engine.gateway import Gateway
from app.engine.sessions import AS_KEY_HEADER, CSRF_HEADER

_FOR_CLIENTS = (
    "request",
    "fitted",
    "warnings",
    "price",
)  # which vendor it would be, and how it is asked, is the operator's business


class Planned(BaseModel):
    """A request of the client API that nobody has sent yet."""

    model_config = ConfigDict(extra="forbid")
    path: Annotated[str, Field(max_length=500)]
    fields: Annotated[dict[str, JsonValue], Field(alias="json")]


async def _checked(request: Request, viewer: CurrentViewer, gateway: Console) -> Viewer:
    gateway.sessions.check(viewer.session, request.headers.get(CSRF_HEADER))
    return viewer


Asking = Annotated[Viewer, Depends(_checked)]
router = APIRouter(prefix="/console", include_in_schema=False)


@router.post("/explain")
async def explain_request(request: Request, planned: Planned, viewer: Asking, gateway: Console) -> Response:
    """Runs a request up to the point of sending; one that would be refused gets the very 4xx that its client would get."""
    wish = await explained_wish(gateway, _key(request, viewer, gateway), planned.path, Body(planned.fields))
    found = explanation_view(await explain(gateway, wish))
    return _answer(found if viewer.admin else {name: found[name] for name in _FOR_CLIENTS})


@router.post("/snippets")
async def write_snippets(request: Request, planned: Planned, viewer: Asking, gateway: Console) -> Response:
    """A request as code; files stand in it as `{"$file": name, "type": mime}`."""
    return _answer(dict(snippets(_base_url(request, gateway), planned.path, planned.fields)))


def _key(request: Request, viewer: Viewer, gateway: Gateway) -> Key:
    """The key that asks: the one that was signed in with, or the one that the operator names."""
    key = viewer.key or gateway.configuration.key_by_id(request.headers.get(AS_KEY_HEADER, ""))
    if key is None:
        raise NotAllowed("An operator must choose the key for which to ask.", code="key_not_chosen", param=AS_KEY_HEADER)
    if not key.valid(gateway.now()):
        raise Unauthenticated("This API key is unknown, disabled or expired.")
    return key


def _base_url(request: Request, gateway: Gateway) -> str:
    """By which clients know us."""
    scheme = "https" if secure(request) else "http"
    return gateway.settings.public_url or f"{scheme}://{request.headers.get('host', 'localhost')}"


def _answer(content: dict[str, Json]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers={"cache-control": "no-store"})

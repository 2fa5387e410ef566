"""Puts the pages together: one application of its own under `/console`, whose errors are pages too."""

from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.console import (
    audit,
    channels,
    first_steps,
    jobs,
    keys,
    models,
    overview,
    playground,
    settings,
    sign_in,
    usage,
    webhooks,
)
from app.console.pages import open_page, page
from app.console.static_files import serve_static
from app.console.viewer import SignInNeeded, Viewer, taste_of
from app.domain.errors import GatewayError, NotAllowed, NotFound
from app.engine.gateway import Gateway
from app.logs import request_id

_STATUS: dict[type[GatewayError], int] = {NotFound: 404, NotAllowed: 403}


def pages_of(app: FastAPI) -> FastAPI:
    """The console of this application."""
    console = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    console.state = app.state  # one gateway for both
    for part in (sign_in, audit, overview, keys, usage, channels, first_steps, playground, models, jobs, webhooks, settings):
        console.include_router(part.router)
    console.router.routes.append(Route("/static/{release}/{name}", serve_static))
    for kind in (GatewayError, HTTPException, RequestValidationError, Exception):
        console.add_exception_handler(kind, _on_error)
    return console


async def _on_error(request: Request, error: Exception) -> Response:
    """The error as a page; where nobody is signed in, the way to the sign-in and back."""
    if isinstance(error, SignInNeeded):
        wanted = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(f"/console/sign-in?next={quote(wanted)}" if request.method == "GET" else "/console/sign-in", 303)
    status = _status(error)
    content = {"status": status, "message": _message(error), "request_id": request_id.get()}
    gateway: Gateway = request.app.state.gateway
    session = gateway.sessions.read(request.cookies)
    if session is None:
        return open_page(request, "error.html", content, status)
    viewer = Viewer(session, gateway.sessions.key(session), taste_of(request), gateway.sessions.csrf(session))
    return page(request, viewer, "error.html", content, status)


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, GatewayError):
        return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 400)
    return 400 if isinstance(error, RequestValidationError) else 500


def _message(error: Exception) -> str:
    if isinstance(error, GatewayError):
        return error.message
    if isinstance(error, HTTPException):
        return "There is no such page." if error.status_code == 404 else "That cannot be done here."
    if isinstance(error, RequestValidationError):
        return "This address is not right."
    return "Something went wrong inside this gateway. Its log says more under the request id."

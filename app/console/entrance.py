"""Where the pages stand in the application; they and Jinja (4 MB, a tenth of a second) are loaded when somebody asks for one."""

import asyncio
from collections.abc import Callable
from functools import partial

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

_REFERENCE = "/docs"


def include(app: FastAPI) -> None:
    """Adds the console and the reference to the application, and the way to them from the address alone."""
    asking = Entrance(_asking)
    for name in ("explain", "snippets"):  # before the pages: their errors are JSON
        app.router.routes.append(Route(f"/console/{name}", asking, methods=["POST"], include_in_schema=False))
    app.router.routes.append(Mount("/console", Entrance(partial(_pages, app))))
    reference = Entrance(partial(_reference, app))
    for path in (_REFERENCE, f"{_REFERENCE}/{{tag}}"):
        app.router.routes.append(Route(path, reference, methods=["GET"], include_in_schema=False))
    for path in ("/", "/console"):
        app.router.routes.append(Route(path, _home, include_in_schema=False))


class Entrance:
    """Has something loaded, beside the event loop, at its first request, and passes everything on to it."""

    def __init__(self, load: Callable[[], ASGIApp]) -> None:
        self._load = load
        self._loading = asyncio.Lock()
        self._loaded: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        served = self._loaded or await self._first()
        await served(scope, receive, send)

    async def _first(self) -> ASGIApp:
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
            return self._loaded


async def _home(request: Request) -> Response:
    return RedirectResponse("/console/", 303)


def _asking() -> ASGIApp:
    from app.console.explain import router

    return router


def _pages(app: FastAPI) -> ASGIApp:
    from app.console.application import pages_of

    return pages_of(app)


def _reference(app: FastAPI) -> ASGIApp:
    from app.console.reference import reference_pages

    return reference_pages(app)

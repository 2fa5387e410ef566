"""The yardstick: Starlette and aiohttp, the least that a Python gateway can be. No keys, no routing, no rows.

python -m bench.passthrough http://127.0.0.1:9100       prints its own address; same server options as the gateway
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp


def create_app(upstream: str) -> Starlette:
    """Sends every request on to `upstream` as it is, and its answer back."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            app.state.session = session
            yield

    async def relay(request: Request) -> Response:
        session: aiohttp.ClientSession = request.app.state.session
        body = await request.body()
        headers = {"content-type": "application/json", "authorization": "Bearer canary"}
        async with session.request(request.method, upstream + request.url.path, data=body or None, headers=headers) as answer:
            return Response(await answer.read(), answer.status, media_type="application/json")

    routes = [
        Route("/v1/images/generations", relay, methods=["POST"]),
        Route("/v1/videos", relay, methods=["POST"]),
        Route("/v1/videos/{id}", relay, methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def serve(app: ASGIApp) -> None:
    """Serves on any free port, with the gateway's own server options, until the process is ended."""
    config = uvicorn.Config(
        app,
        port=0,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    listener = config.bind_socket()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(create_app(sys.argv[1]))

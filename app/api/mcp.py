"""`/mcp`: the gateway as tools for agents, over the Model Context Protocol's streamable HTTP, with the keys of the client API.

Every request is complete in itself: it shows its key, and nothing of it stays behind, so that any worker or machine can answer
the next one. That is also why no Host or Origin is checked here: what opens the door is a key that no browser sends by itself.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.api.deps import KeyScheme
from app.domain.errors import BodyTooLarge

PATH = "/mcp"
MOST_BYTES = 16 * 1024 * 1024  # of one message: it is parsed where other requests wait
_SERVER = "app.api.mcp_server"
_known_key = KeyScheme(sessions=False)


def include(app: FastAPI) -> None:
    """Adds `/mcp` to the application; it needs nothing of the lifespan but the gateway."""
    app.router.routes.append(Route(PATH, Entrance(), methods=["POST"], name="mcp"))


class Entrance:
    """Lets in who shows a key, then has the protocol served.

    Raises Unauthenticated, NotAllowed and BodyTooLarge before anything is said in the protocol. A message does not count
    against a rate: the tool calls that ask for work do.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})  # the key's id goes into it, for the log
        await _known_key(Request({**scope, "method": "GET"}))
        body = await _whole(Request(scope, receive))
        await (await _server())(scope, _heard_again(body, receive), send)


async def _whole(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BodyTooLarge(f"A message may have {MOST_BYTES // 1024 // 1024} MiB; give pictures as URLs.")
    return bytes(body)


def _heard_again(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _server() -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """What serves the protocol; the first call loads its SDK, which takes half a second, beside the event loop."""
    module = await asyncio.to_thread(importlib.import_module, _SERVER)
    return cast(Callable[[Scope, Receive, Send], Awaitable[None]], module.serve)

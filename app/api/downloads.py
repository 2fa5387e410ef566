"""Sends a `Content` of the engine to the client, and lets go of its source however the answer ends."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.engine.content import Ask, Content


def ask_of(request: Request) -> Ask:
    """What the request's headers say about the bytes that it wants."""
    headers = request.headers
    return Ask(request.method, headers.get("range"), headers.get("if-range"), headers.get("if-none-match"))


async def send_content(request: Request, content: Content) -> Response:
    """The answer; HEAD, 304 and 416 have no body."""
    if request.method == "HEAD" or content.status in (304, 416):
        await content.close()
        return Response(None, content.status, content.headers)
    return StreamingResponse(_chunks(content), content.status, content.headers)


async def _chunks(content: Content) -> AsyncIterator[bytes]:
    try:
        async for chunk in content.chunks:
            yield chunk
    finally:
        await content.close()

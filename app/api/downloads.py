"""Sends a `Content` of the engine to the client, and lets go of its source however the answer ends."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.engine.assets import place_of
from app.engine.content import Ask, Content
from app.engine.gateway import Gateway

_ITS_OWN = frozenset({"content-length", "content-range"})  # what a proxy that sends a file says about it by itself


def ask_of(request: Request) -> Ask:
    """What the request's headers say about the bytes that it wants."""
    headers = request.headers
    return Ask(request.method, headers.get("range"), headers.get("if-range"), headers.get("if-none-match"))


async def send_content(request: Request, content: Content, gateway: Gateway) -> Response:
    """The answer; HEAD, 304 and 416 have no body. What the proxy can send itself, ranges included, is left to it."""
    proxied = handed_over(gateway, content.stored, content.headers)
    if proxied is not None:
        await content.close()
        return proxied
    if request.method == "HEAD" or content.status in (304, 416):
        await content.close()
        return Response(None, content.status, content.headers)
    return StreamingResponse(_chunks(content), content.status, content.headers)


def handed_over(gateway: Gateway, stored: str | None, headers: Mapping[str, str]) -> Response | None:
    """The answer that makes the proxy send this file of our folder; None where there is no such proxy or file.

    https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers (X-Accel-Redirect), read 2026-11-21
    """
    prefix = gateway.settings.accel_prefix
    if not prefix or stored is None or urlsplit(gateway.settings.storage_url).scheme == "s3":
        return None
    kept = {name: value for name, value in headers.items() if name.lower() not in _ITS_OWN}
    return Response(None, 200, {**kept, "X-Accel-Redirect": f"{prefix}/{place_of(stored)}"})


async def _chunks(content: Content) -> AsyncIterator[bytes]:
    try:
        async for chunk in content.chunks:
            yield chunk
    finally:
        await content.close()

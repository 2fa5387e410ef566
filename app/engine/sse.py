"""Reads server-sent events whose data is JSON."""

from collections.abc import AsyncIterator

import orjson

from app.domain.errors import UpstreamUnreadable
from app.domain.json import JsonObject

_LARGEST = 64 * 1024 * 1024  # bytes of one event: a picture in base64


async def json_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[JsonObject]:
    """The JSON object of each event, up to the end of the stream or `[DONE]`; raises UpstreamUnreadable for broken ones."""
    async for data in _events(chunks):
        if data.startswith(b"[DONE]"):
            return
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise UpstreamUnreadable("The vendor streamed an event that is not JSON.") from error
        if isinstance(event, dict):
            yield event


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The joined `data` lines of each event; comments and other fields carry nothing for us."""
    data: list[bytes] = []
    async for line in _lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends, however the chunks were cut."""
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        pieces.append(head)
        size += len(head)
        if size > _LARGEST:
            raise UpstreamUnreadable("The vendor streamed an event that is too large.")
        for following in rest:
            yield b"".join(pieces).removesuffix(b"\r")
            pieces, size = [following], len(following)
    if pieces:
        yield b"".join(pieces).removesuffix(b"\r")

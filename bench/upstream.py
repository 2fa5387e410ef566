"""A fake vendor with OpenAI's endpoints that costs as little as Python allows: constant answers, written at once.

    python -m bench.upstream        prints its address; port 0 is any free one

A video is completed at its first status read, unless its prompt says OPEN: then it is never finished.
"""

import asyncio
import itertools
import socket
from typing import cast

import httptools
import uvloop

OPEN = b"stay open"

_IMAGE = b'{"created":1790000000,"data":[{"url":"https://files.example.com/results/00000000000000000001/image.png?expires=86400"}]}'
_VIDEO = b'{"id":"%b","object":"video","model":"bench-video","status":"%b","progress":%d,"created_at":1790000000%b}'
_RESULT = b',"completed_at":1790000060,"url":"https://files.example.com/results/00000000000000000001/video.mp4"'
_LACKING = b'{"error":{"message":"There is nothing at this path.","code":"not_found"}}'
_numbers = itertools.count(1)


def answer(method: bytes, path: bytes, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to one request."""
    if method == b"POST" and path == b"/v1/images/generations":
        return 200, _IMAGE
    if method == b"POST" and path == b"/v1/videos":
        if OPEN in body:
            return 200, _VIDEO % (b"video_open_%d" % next(_numbers), b"in_progress", 50, b"")
        return 200, _VIDEO % (b"video_%d" % next(_numbers), b"queued", 0, b"")
    if method == b"GET" and path.startswith(b"/v1/videos/"):
        name = path.removeprefix(b"/v1/videos/")
        if name.startswith(b"video_open_"):
            return 200, _VIDEO % (name, b"in_progress", 50, b"")
        return 200, _VIDEO % (name, b"completed", 100, _RESULT)
    return 404, _LACKING


class Vendor(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._body = b"", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have no such base

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status, body = answer(self._parser.get_method(), self._path, self._body)
        head = b"HTTP/1.1 %d Fake\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, len(body)) + body)


async def serve() -> None:
    """Serves until the process is ended."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = await asyncio.get_running_loop().create_server(Vendor, sock=listener)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())

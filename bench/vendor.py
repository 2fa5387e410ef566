"""A fake vendor of videos that ends each job at a moment of its own, and knows afterwards who asked when.

    python -m bench.vendor        prints its address

A prompt may say how its job is: `LASTS 30-150` ends at random after that many seconds (else it is completed at the first
question), `OPEN` never ends, `FAIL` fails, `FILM 100000000` makes a film of that many bytes. Jobs whose id begins with `open` or
`changing` need no create: they never end, and the latter say something new in every answer.
`/polls` counts the answers about jobs, `/sent` the bytes of films, `/report` tells of every job that was created.
"""

import asyncio
import json
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import httptools
import uvloop

SMALL_FILM = 20_000  # bytes
_PATTERN = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + random.Random(7).randbytes(256 * 1024 - 24)
_TWICE = memoryview(_PATTERN * 2)
_LASTS, _FILM = re.compile(rb"LASTS ([0-9]+)-([0-9]+)"), re.compile(rb"FILM ([0-9]+)")
_RANGE = re.compile(rb"bytes=([0-9]+)-([0-9]*)")
_VIDEO = b'{"id":"%b","object":"video","model":"bench-video","status":"%b","progress":%d,"created_at":1790000000%b}'
_ERROR = b',"error":{"code":"content_policy","message":"The picture was withheld."}'


@dataclass(slots=True)
class Job:
    """What the vendor knows of a job. Times are those of the wall clock; `before` and `told` are 0 until they happened."""

    ends: float
    film: int
    fails: bool
    polls: int = 0
    before: float = 0.0  # the last question that was answered with "not yet"
    told: float = 0.0  # the first that was answered with the end


@dataclass(slots=True)
class Books:
    """Everything that all connections share."""

    jobs: dict[bytes, Job] = field(default_factory=dict)
    progress: Counter[bytes] = field(default_factory=Counter)  # of the changing ones
    polls: int = 0
    sent: int = 0  # bytes of films


def film_part(start: int, length: int) -> bytes:
    """These bytes of any film."""
    whole, offset = b"", start % len(_PATTERN)
    while len(whole) < length:
        whole += _TWICE[offset : offset + min(length - len(whole), len(_PATTERN))]
    return whole


class Vendor(asyncio.Protocol):
    """One connection."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._body, self._range = b"", b"", b""
        self._at = self._end = 0  # what is left to be sent of a film
        self._free = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have no such base

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body, self._range = b"", b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"range":
            self._range = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._path.startswith(b"/v1/videos/"):
            name = self._path[11:]
            if name.endswith(b"/content"):
                self._begin_film(self._books.jobs[name[:-8]].film)
            else:
                self._answer(self._status(name))
        elif self._path == b"/v1/videos":
            self._answer(self._create())
        elif self._path == b"/v1/images/generations":
            self._answer(b'{"created":1790000000,"data":[{"url":"https://files.example.com/results/1/image.png"}]}')
        else:
            self._answer(self._told())

    def _create(self) -> bytes:
        lasts, film, now = _LASTS.search(self._body), _FILM.search(self._body), time.time()
        ends = 0.0
        if lasts is not None:
            ends = now + random.uniform(float(lasts[1]), float(lasts[2]))
        elif b"OPEN" in self._body:
            ends = float("inf")
        name = b"video_%d" % len(self._books.jobs)
        self._books.jobs[name] = Job(ends, int(film[1]) if film else SMALL_FILM, b"FAIL" in self._body)
        return _VIDEO % (name, b"queued", 0, b"")

    def _status(self, name: bytes) -> bytes:
        self._books.polls += 1
        job = self._books.jobs.get(name)
        if job is None:
            self._books.progress[name] += name.startswith(b"changing")
            return _VIDEO % (name, b"in_progress", min(self._books.progress[name], 99), b"")
        job.polls += 1
        now = time.time()
        if now < job.ends:
            job.before = now
            return _VIDEO % (name, b"in_progress", 0, b"")
        job.told = job.told or now
        return _VIDEO % ((name, b"failed", 0, _ERROR) if job.fails else (name, b"completed", 100, b""))

    def _told(self) -> bytes:
        if self._path == b"/polls":
            return b"%d" % self._books.polls
        if self._path == b"/sent":
            return b"%d" % self._books.sent
        jobs = self._books.jobs.items()
        return json.dumps({name.decode(): [job.ends, job.before, job.told, job.polls] for name, job in jobs}).encode()

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 Fake\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)

    def _begin_film(self, size: int) -> None:
        found = _RANGE.fullmatch(self._range)
        self._at, self._end = (int(found[1]), min(int(found[2] or size) + 1, size)) if found else (0, size)
        head = b'HTTP/1.1 %b\r\ncontent-type: video/mp4\r\naccept-ranges: bytes\r\netag: "film"\r\ncontent-length: %d\r\n%b\r\n'
        span = b"content-range: bytes %d-%d/%d\r\n" % (self._at, self._end - 1, size) if found else b""
        self._transport.write(head % (b"206 Part" if found else b"200 Fake", self._end - self._at, span))
        self._write()

    def pause_writing(self) -> None:
        """The reader is behind."""
        self._free = False

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self._free = True
        self._write()

    def _write(self) -> None:
        while self._at < self._end and self._free and not self._transport.is_closing():
            offset = self._at % len(_PATTERN)
            piece = _TWICE[offset : offset + min(self._end - self._at, len(_PATTERN))]
            self._at += len(piece)
            self._books.sent += len(piece)
            self._transport.write(piece)


async def serve() -> None:
    """Serves until the process is ended."""
    books = Books()
    server = await asyncio.get_running_loop().create_server(lambda: Vendor(books), "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())

"""A closed-loop load generator: each connection sends its next request when the last one is answered.

    python -m bench.load --url http://127.0.0.1:8000/v1/videos --connections 32 --seconds 2 --body '{…}' --key sk-…

Prints one JSON object, the fields of Outcome.
"""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured; `answered` counts everything (warm-up too), the rest only what ended inside the window."""

    answered: int
    errors: int  # answers other than 2xx, and connections that broke
    rps: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class Run:
    """One measurement, shared by its connections; times are those of `time.perf_counter`."""

    wire: bytes
    opens: float = 0.0
    closes: float = 0.0
    answered: int = 0
    errors: int = 0
    latencies: list[float] = field(default_factory=list)  # seconds

    def note(self, sent: float, now: float, status: int) -> None:
        """One answer has come."""
        self.answered += 1
        if not 200 <= status < 300:
            self.errors += 1
        elif self.opens <= now < self.closes:
            self.latencies.append(now - sent)

    def outcome(self) -> Outcome:
        """The figures; latencies are 0 where nothing was answered well."""
        ordered = sorted(self.latencies)
        rps = len(ordered) / (self.closes - self.opens)
        return Outcome(self.answered, self.errors, rps, _part(ordered, 0.5) * 1e3, _part(ordered, 0.99) * 1e3)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, run: Run, done: asyncio.Future[None]) -> None:
        self._run, self._done = run, done
        self._parser = httptools.HttpResponseParser(self)
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have no such base

    def begin(self) -> None:
        """Sends the next request."""
        self._sent = time.perf_counter()
        self._transport.write(self._run.wire)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._run.note(self._sent, now, self._parser.get_status_code())
        if not self._parser.should_keep_alive():
            self._run.errors += 1
        elif now < self._run.closes:
            self.begin()
            return
        self._finish()

    def connection_lost(self, _: Exception | None) -> None:
        if not self._done.done():
            self._run.errors += 1
            self._finish()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
        self._transport.close()


async def measure(url: str, wire: bytes, connections: int, seconds: float, warm_up: float) -> Outcome:
    """Opens every connection first, then lets all of them go."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    run = Run(wire)
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(connections)]
    clients = [(await loop.create_connection(partial(Connection, run, end), host, port))[1] for end in ends]
    gc.collect()
    gc.disable()
    run.opens = time.perf_counter() + warm_up
    run.closes = run.opens + seconds
    for client in clients:
        client.begin()
    await asyncio.gather(*ends)
    return run.outcome()


def request_bytes(url: str, key: str, body: str | None) -> bytes:
    """The whole request: a POST where there is a body, else a GET."""
    parts, content = urlsplit(url), (body or "").encode()
    lines = [f"{'GET' if body is None else 'POST'} {parts.path} HTTP/1.1", f"host: {parts.netloc}"]
    if key:
        lines.append(f"authorization: Bearer {key}")
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _part(ordered: Sequence[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warm-up", type=float, default=0.2, help="seconds before the window")
    parser.add_argument("--key", default="")
    parser.add_argument("--body")
    given = parser.parse_args()
    wire = request_bytes(given.url, given.key, given.body)
    outcome = uvloop.run(measure(given.url, wire, given.connections, given.seconds, given.warm_up))
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()

"""Asks a server many different questions: whole requests from a file, in turn, at full speed or at a fixed rate.

    python -m bench.asking --base http://127.0.0.1:8000 --wires requests.json --connections 8 --seconds 2

Prints one JSON object, the fields of Answers. At a fixed rate, latencies count from the instant at which a request was due.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

from bench.processes import ROOT, pinned

_PATIENCE = 120.0  # seconds for the last answers


@dataclass(frozen=True, slots=True)
class Answers:
    """What was measured; `answered` counts everything (warm-up too), the latencies only what was asked after it."""

    answered: int
    errors: int  # answers other than 2xx, and connections that broke
    seconds: float  # from the first request to the last answer
    p50_ms: float
    p99_ms: float
    worst_ms: float


def wire(base: str, path: str, key: str, body: object = None, **headers: str) -> str:
    """A whole request: a POST where there is a body, else a GET."""
    content = "" if body is None else json.dumps(body)
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"host: {urlsplit(base).netloc}"]
    lines += [f"authorization: Bearer {key}", *(f"{name}: {value}" for name, value in headers.items())]
    if content:
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join([*lines, "", content])


def asked(
    base: str,
    wires: Sequence[str],
    *,
    core: int,
    folder: Path,
    connections: int,
    seconds: float = 0.0,
    count: int = 0,
    rate: float = 0.0,
    warm_up: float = 0.0,
) -> Answers:
    """Asks in a process of its own, for so many seconds after the warm-up or until so many requests were answered."""
    file = folder / "requests.json"
    file.write_text(json.dumps(wires))
    command = [sys.executable, "-m", "bench.asking", "--base", base, "--wires", str(file), "--connections", str(connections)]
    command += ["--seconds", str(seconds), "--count", str(count), "--rate", str(rate), "--warm-up", str(warm_up)]
    with pinned(core):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode(errors="replace"))
    return Answers(**json.loads(ended.stdout))


@dataclass(slots=True)
class Load:
    """One measurement, shared by its connections; times are those of `time.perf_counter`."""

    wires: Sequence[bytes]
    count: int  # 0: as many as the time allows
    opens: float = 0.0
    closes: float = float("inf")
    sent: int = 0
    answered: int = 0
    errors: int = 0
    latencies: list[float] = field(default_factory=list)  # seconds
    late: deque[float] = field(default_factory=deque)  # due, and no connection is free
    idle: "list[Connection]" = field(default_factory=list)
    over: bool = False  # nothing more will be due

    def next_wire(self) -> bytes | None:
        """The next request; None when there shall be no more."""
        if self.count and self.sent >= self.count:
            return None
        self.sent += 1
        return self.wires[self.sent % len(self.wires)]

    def note(self, due: float, status: int) -> None:
        """One answer has come."""
        self.answered += 1
        if not 200 <= status < 300:
            self.errors += 1
        elif due >= self.opens:
            self.latencies.append(time.perf_counter() - due)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, load: Load, done: "asyncio.Future[None]", *, paced: bool) -> None:
        self._load, self._done, self._paced = load, done, paced
        self._parser = httptools.HttpResponseParser(self)
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have no such base

    def ask(self, due: float) -> None:
        """Sends the next request, which was due then."""
        found = self._load.next_wire()
        if found is None or (not self._paced and time.perf_counter() >= self._load.closes):
            self.finish()
            return
        self._due = due
        self._transport.write(found)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._load.note(self._due, self._parser.get_status_code())
        if not self._parser.should_keep_alive():
            self._load.errors += 1
            self.finish()
        elif not self._paced:
            self.ask(time.perf_counter())
        elif self._load.late:
            self.ask(self._load.late.popleft())
        elif self._load.over:
            self.finish()
        else:
            self._load.idle.append(self)

    def connection_lost(self, _: Exception | None) -> None:
        if not self._done.done():
            self._load.errors += 1
            self.finish()

    def finish(self) -> None:
        """No more requests on this connection."""
        if not self._done.done():
            self._done.set_result(None)
        self._transport.close()


async def measure(base: str, load: Load, connections: int, seconds: float, rate: float, warm_up: float) -> Answers:
    """Opens every connection first, then lets all of them go."""
    loop, parts = asyncio.get_running_loop(), urlsplit(base)
    host, port = parts.hostname or "", parts.port or 80
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(connections)]
    opening = (loop.create_connection(partial(Connection, load, end, paced=rate > 0), host, port) for end in ends)
    clients = [(await opened)[1] for opened in opening]
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    load.opens = started + warm_up
    load.closes = load.opens + seconds if seconds else load.closes
    if rate:
        await _paced(load, clients, rate, started)
    else:
        for client in clients:
            client.ask(time.perf_counter())
    async with asyncio.timeout(max(load.closes - started, 0.0) + _PATIENCE if seconds else None):
        await asyncio.gather(*ends)
    ordered = sorted(load.latencies)
    parts_ms = [part(ordered, share) * 1e3 for share in (0.5, 0.99, 1.0)]
    return Answers(load.answered, load.errors, time.perf_counter() - started, *parts_ms)


async def _paced(load: Load, clients: "list[Connection]", rate: float, started: float) -> None:
    """Has each request sent when it is due, or as soon after as a connection is free."""
    load.idle, number = list(clients), 0
    while (due := started + number / rate) < load.closes:
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        number += 1
        if load.idle:
            load.idle.pop().ask(due)
        else:
            load.late.append(due)
    load.over = True
    for client in load.idle:
        client.finish()


def part(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of them lies; 0 where there are none."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--wires", type=Path, required=True, help="a JSON list of whole requests")
    parser.add_argument("--connections", type=int, default=1)
    for name in ("--seconds", "--rate", "--warm-up"):
        parser.add_argument(name, type=float, default=0.0)
    parser.add_argument("--count", type=int, default=0)
    given = parser.parse_args()
    load = Load([text.encode() for text in json.loads(given.wires.read_text())], given.count)
    answers = uvloop.run(measure(given.base, load, given.connections, given.seconds, given.rate, given.warm_up))
    print(json.dumps(asdict(answers)))


if __name__ == "__main__":
    main()

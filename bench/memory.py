"""W9: memory of an idle server and after load, and how long one takes to start."""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench.findings import Finding
from bench.gateway import READY, command, environment
from bench.images import request
from bench.load import Manner, send
from bench.peers import NGINX, started, starts
from bench.processes import Server, running
from bench.setting import Setting
from bench.targets import CARELESS, DIRECT, GATEWAY, running_targets, running_upstream, yardsticks

FIRST = "gateway, first start"

_COLUMNS = ("served by", "idle MB", "after load MB", "peak MB", "start s", "start CPU s")
_CONNECTIONS = 32
_OFTEN = 0.2  # seconds between two looks
_THROUGH = "/v1/videos/video_1"  # what a mere pass-through answers well
_NOTE = """\
Resident memory of all processes of a server. Idle: after its set-up and before the first request. Load: {seconds:.0f} s of images
on {connections} connections. Start: from the command to the first answer, alone on its core; the gateway's first start makes its
database, the others find it. Medians of {starts} starts."""

_Begin: TypeAlias = Callable[[], AbstractContextManager[Server]]


@dataclass(slots=True)
class Peak:
    """The most that was seen, in MB."""

    mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    """One server, in MB."""

    idle: float
    after: float
    peak: float


@dataclass(slots=True)
class Start:
    """All starts of one server, in seconds."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)


@contextmanager
def watched(server: Server) -> Iterator[Peak]:
    """Looks at a server's memory again and again, until the end of the block."""
    peak, ended = Peak(server.resident_mb()), threading.Event()

    def look() -> None:
        while not ended.wait(_OFTEN):
            peak.mb = max(peak.mb, server.resident_mb())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
        peak.mb = max(peak.mb, server.resident_mb())


def measure(setting: Setting) -> list[Finding]:
    """Memory first, then the starts."""
    seconds, times = (1.0, 1) if setting.pace.quick else (10.0, 5)
    memory = _memory(setting, seconds)
    start = _starts(setting, times)
    rows = tuple((name, *_memory_cells(memory.get(name)), *_start_cells(start.get(name))) for name in {**memory, **start})
    figures = {
        "idle MB": memory[GATEWAY].idle,
        "after load MB": memory[GATEWAY].after,
        "start s": statistics.median(start[GATEWAY].seconds),
        "first start s": statistics.median(start[FIRST].seconds),
    }
    note = _NOTE.format(seconds=seconds, connections=_CONNECTIONS, starts=times)
    return [Finding("W9", "Memory and start", _COLUMNS, rows, figures, note)]


def _memory(setting: Setting, seconds: float) -> dict[str, Memory]:
    with running_targets(setting) as targets:
        chosen = [target for target in targets.all if target.name not in (DIRECT, CARELESS)]
        idle = {target.name: target.server.resident_mb() for target in chosen}
        found = {}
        for target in chosen:
            setting.tell(target.name)
            with watched(target.server) as peak:
                send(setting.cores.around, target.server.base, request(target), Manner(_CONNECTIONS, seconds))
                target.settle()
            found[target.name] = Memory(idle[target.name], target.server.resident_mb(), peak.mb)
        return found


def _starts(setting: Setting, times: int) -> dict[str, Start]:
    found: dict[str, Start] = {}
    with running_upstream(setting) as upstream:
        for number in range(times):
            setting.tell(f"start {number + 1} of {times}")
            with tempfile.TemporaryDirectory(dir=setting.folder) as folder:
                for name, begin in _beginnings(setting, upstream.base, Path(folder)).items():
                    _note(found.setdefault(name, Start()), begin)
    return found


def _beginnings(setting: Setting, upstream: str, folder: Path) -> dict[str, _Begin]:
    """How each server is started, in an order in which the gateway's first start makes what its second finds."""
    core, data = setting.cores.server, folder / "gateway"
    data.mkdir()
    begin = partial(running, core=core, folder=folder, ready=_THROUGH)
    found: dict[str, _Begin] = {name: partial(begin, name, command) for name, command in yardsticks(upstream).items()}
    for name in (FIRST, GATEWAY):
        found[name] = partial(
            running, name, command(), core=core, folder=folder, environment=environment(data), started_in=data, ready=READY
        )
    if setting.peers:
        peers = {name: start for name, start in starts(upstream, folder).items() if name != NGINX}
        found |= {name: partial(started, name, start, core, folder) for name, start in peers.items()}
    return found


def _note(start: Start, begin: _Begin) -> None:
    began = time.perf_counter()
    with begin() as server:
        start.seconds.append(time.perf_counter() - began)
        start.cpu_seconds.append(server.cpu_seconds())


def _memory_cells(memory: Memory | None) -> tuple[str, str, str]:
    return ("", "", "") if memory is None else (f"{memory.idle:.0f}", f"{memory.after:.0f}", f"{memory.peak:.0f}")


def _start_cells(start: Start | None) -> tuple[str, str]:
    if start is None:
        return "", ""
    return f"{statistics.median(start.seconds):.2f}", f"{statistics.median(start.cpu_seconds):.2f}"

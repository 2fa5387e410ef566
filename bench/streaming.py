"""W6: how fast films go through, what they cost, and what memory they take, next to nginx where it is installed."""

import statistics
import time
from dataclasses import dataclass, field

from bench.films import GATEWAY, STORED, Films, Source
from bench.findings import Finding
from bench.load import Manner, Request, send
from bench.peers import NGINX
from bench.setting import Setting

TO_NGINX, PER_GB, GROWN = "content speed over nginx", "content CPU s per GB", "content growth of 4 streams MB"
_STREAMS = 4
_MB_A_ROUND = 800  # of each server
_NOTE = """\
{streams} streams on loopback without TLS, medians of interleaved rounds of {round} MB; vendor and clients share the other core.
Grown is the peak of resident memory less what was held after one film of each kind."""


@dataclass(slots=True)
class Stream:
    """Films of one size from one server."""

    name: str
    source: Source
    size: int  # MB
    mb_per_second: list[float] = field(default_factory=list)
    cpu_per_gb: list[float] = field(default_factory=list)
    grown_mb: float = 0.0

    def cells(self) -> tuple[str, ...]:
        """For people."""
        speed, cost = statistics.median(self.mb_per_second), statistics.median(self.cpu_per_gb)
        ours = self.name in (GATEWAY, STORED)
        known = self.name in (GATEWAY, STORED, NGINX)
        return self.name, str(self.size), f"{speed:.0f}", f"{cost:.2f}" if known else "", f"{self.grown_mb:.1f}" if ours else ""


def streamed(setting: Setting, films: Films, small: int, large: int) -> Finding:
    """Both sizes from every server that has them."""
    streams = [
        Stream(name, source, size) for size in (small, large) for name, source in films.sources.items() if size in source.paths
    ]
    for stream in streams:
        _sent(setting, stream, 1)  # what is loaded once for all is no growth
    before = films.gateway.resident_mb()
    for number in range(setting.pace.rounds + 1):
        setting.tell(f"streams: round {number} of {setting.pace.rounds}" if number else "streams: rehearsal")
        for stream in streams:
            films.reset_peak()
            speed, cost = _sent(setting, stream, max(_MB_A_ROUND // stream.size, _STREAMS))
            stream.grown_mb = max(stream.grown_mb, films.peak_mb() - before)
            if number:
                stream.mb_per_second.append(speed)
                stream.cpu_per_gb.append(cost)
    relayed = [stream for stream in streams if stream.name == GATEWAY]
    figures = {
        GROWN: max(stream.grown_mb for stream in relayed),
        PER_GB: max(statistics.median(stream.cpu_per_gb) for stream in relayed),
    }
    speeds = {stream.name: statistics.median(stream.mb_per_second) for stream in streams}  # of the larger size
    if NGINX in speeds:
        figures[TO_NGINX] = speeds[GATEWAY] / speeds[NGINX]
    columns = ("served by", "film MB", "MB/s", "CPU s per GB", "grown MB")
    note = _NOTE.format(streams=_STREAMS, round=_MB_A_ROUND)
    return Finding("W6", "Streams", columns, tuple(stream.cells() for stream in streams), figures, note)


def _sent(setting: Setting, stream: Stream, count: int) -> tuple[float, float]:
    """So many films: MB/s, and CPU seconds per GB."""
    server, headers = stream.source.server, {"authorization": f"Bearer {stream.source.key or 'nobody'}"}
    cpu, started = server.cpu_seconds(), time.perf_counter()
    outcome = send(
        setting.cores.around,
        server.base,
        Request(stream.source.paths[stream.size], headers=headers),
        Manner(min(_STREAMS, count), seconds=300.0, warm_up=0.0, count=count),
    )
    took, cost = time.perf_counter() - started, server.cpu_seconds() - cpu
    if outcome.errors or outcome.answered != count or outcome.mb < count * stream.size:
        raise RuntimeError(f"{stream.name}: {outcome}")
    return outcome.mb / took, cost / outcome.mb * 1e3

"""W8: a thousand requests in flight while each answer takes the vendor ten seconds."""

import time
from dataclasses import dataclass

from bench.findings import Finding
from bench.gateway import IMAGE_MODEL
from bench.images import request
from bench.load import Manner, Outcome, send
from bench.memory import watched
from bench.setting import Setting
from bench.tables import measured
from bench.targets import BARE, CARELESS, GATEWAY, LITELLM, PLAIN, PORTKEY, USUAL, Target, Targets, running_targets

_COLUMNS = (
    "served by",
    "added p50 ms",
    "added p99 ms",
    "answered",
    "errors",
    "missing",
    "CPU µs",
    "RSS MB before",
    "RSS MB at most",
)
_REST = 1.0  # seconds between two targets
_SPARE = 25.0  # seconds beyond the vendor's own
_NOTE = """\
{connections} connections send two requests each, the second when the first is answered; the vendor takes {delay:.0f} s for an
answer, "added" is what comes on top; a gateway that keeps results copies each of them meanwhile. Missing is what was not
answered within {patience:.0f} s. One run, no median."""


@dataclass(frozen=True, slots=True)
class Burst:
    """What one target did. Memory in MB."""

    outcome: Outcome
    missing: int  # requests that were not answered
    cpu_us: float
    before_mb: float
    peak_mb: float


def measure(setting: Setting) -> list[Finding]:
    """Each target once, after another."""
    connections, delay = (200, 1.0) if setting.pace.quick else (1000, 10.0)
    manner = Manner(connections=connections, count=2 * connections, seconds=2 * delay + _SPARE, warm_up=0.0, patience=0.0)
    found: dict[str, Burst] = {}
    with running_targets(setting, delay=delay) as targets:
        for target in _in_turn(targets):
            setting.tell(target.name)
            found[target.name] = _burst(setting, target, manner)
            time.sleep(_REST)
    rows = tuple((name, *_cells(burst, delay * 1000)) for name, burst in found.items())
    note = _NOTE.format(connections=connections, delay=delay, patience=manner.seconds)
    return [Finding("W8", f"{connections} requests in flight", _COLUMNS, rows, _figures(found, delay * 1000), note)]


def _in_turn(targets: Targets) -> list[Target]:
    """The gateway first as its peers are: copies are made of no result."""
    chosen = (BARE, USUAL, PLAIN, CARELESS, GATEWAY, LITELLM, PORTKEY)
    return sorted(targets.chosen(*chosen), key=lambda target: chosen.index(target.name))


def _burst(setting: Setting, target: Target, manner: Manner) -> Burst:
    server = target.server
    before_mb, before = server.resident_mb(), server.cpu_seconds()
    with watched(server) as memory:
        outcome = send(setting.cores.around, server.base, request(target, f"{IMAGE_MODEL}-slow"), manner)
    cpu = server.cpu_seconds() - before
    target.settle()
    return Burst(outcome, manner.count - outcome.answered, cpu / max(outcome.answered, 1) * 1e6, before_mb, memory.mb)


def _cells(burst: Burst, delay_ms: float) -> tuple[str, ...]:
    outcome, added = burst.outcome, [_added(value, delay_ms) for value in (burst.outcome.p50_ms, burst.outcome.p99_ms)]
    counts = (outcome.answered, outcome.errors, burst.missing)
    return (*added, *map(str, counts), f"{burst.cpu_us:.0f}", f"{burst.before_mb:.0f}", f"{burst.peak_mb:.0f}")


def _added(latency_ms: float, delay_ms: float) -> str:
    return f"{latency_ms - delay_ms:.0f}" if latency_ms else ""


def _figures(found: dict[str, Burst], delay_ms: float) -> dict[str, float]:
    figures: dict[str, float] = {}
    theirs = found.get(PORTKEY)
    for ours, kept in ((found[GATEWAY], ""), (found[CARELESS], ", results not kept")):
        added = ours.outcome.p50_ms - delay_ms
        figures[f"in flight: errors{kept}"] = float(ours.outcome.errors + ours.missing)
        figures[f"in flight: added p50 ms{kept}"] = added
        figures[f"in flight: added p99 ms{kept}"] = ours.outcome.p99_ms - delay_ms
        figures[f"in flight: peak MB{kept}"] = ours.peak_mb
        if theirs is not None and theirs.outcome.p50_ms > delay_ms:
            figures[f"in flight: added p50 over Portkey{kept}"] = added / (theirs.outcome.p50_ms - delay_ms)
    return measured(figures)

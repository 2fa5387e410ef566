"""What is measured: the cases, their rounds, and the medians."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.gateway import IMAGE_MODEL, VIDEO_MODEL, Gateway, running_gateway
from bench.load import Outcome
from bench.processes import ROOT, Cores, Server, pinned, running

GATEWAY, BARE, DIRECT = "gateway", "bare pass-through", "upstream itself"
CONNECTIONS = (1, 32)

_IMAGE = {"model": IMAGE_MODEL, "prompt": "a small red kite above a quiet harbour", "n": 1, "size": "1024x1024"}
_VIDEO = {"model": VIDEO_MODEL, "prompt": "a small red kite above a quiet harbour", "seconds": "5", "size": "1280x720"}
# A job is first polled one second after its create: a shorter window holds creates alone, their polls come after it.
_BEFORE_THE_FIRST_POLL = 0.8  # seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often each case is measured."""

    rounds: int
    seconds: float


QUICK, FULL = Pace(rounds=3, seconds=1.0), Pace(rounds=7, seconds=2.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request to one server."""

    code: str
    title: str
    served_by: str
    server: Server
    path: str
    connections: int
    key: str = ""
    body: str | None = None
    makes_jobs: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """One round of one case. CPU is the server's, in microseconds per answer; memory in MB."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    job_cpu_us: float  # a job's CPU from its create to its end; 0 where no jobs are made
    resident_mb: float
    errors: int


@dataclass(frozen=True, slots=True)
class Row:
    """A case with what all its rounds gave."""

    case: Case
    rounds: list[Figures] = field(default_factory=list)

    def median(self, figure: str) -> float:
        """The middle of the rounds."""
        return float(statistics.median(getattr(one, figure) for one in self.rounds))

    def errors(self) -> int:
        """All of them, of every round."""
        return sum(one.errors for one in self.rounds)


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one run of the suite found; idle memory in MB, by the server's name."""

    rows: Sequence[Row]
    idle_mb: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bench:
    """All processes of a run."""

    cores: Cores
    upstream: Server
    bare: Server
    gateway: Gateway
    idle_mb: dict[str, float]

    def cases(self) -> list[Case]:
        """Each case on each server that has it, neighbours in time where they are compared."""
        return [case for connections in CONNECTIONS for case in self._cases(connections)]

    def _cases(self, connections: int) -> Iterator[Case]:
        image, video = json.dumps(_IMAGE), json.dumps(_VIDEO)
        servers = ((DIRECT, self.upstream, ""), (BARE, self.bare, ""), (GATEWAY, self.gateway.server, self.gateway.key))
        for name, server, key in servers:
            yield Case("W1", "image", name, server, "/v1/images/generations", connections, key, image)
        for name, server, key in servers[1:]:
            makes_jobs = name == GATEWAY
            yield Case("W3", "video create", name, server, "/v1/videos", connections, key, video, makes_jobs)
        for name, server, key in servers[1:]:
            job = self.gateway.open_job if name == GATEWAY else "video_open_1"
            yield Case("W4", "video status", name, server, f"/v1/videos/{job}", connections, key)


@contextmanager
def prepared(cores: Cores, folder: Path) -> Iterator[Bench]:
    """Starts everything; memory is read before anything but the set-up was asked."""
    with ExitStack() as stack:
        upstream = stack.enter_context(
            running("upstream", [sys.executable, "-m", "bench.upstream"], core=cores.around, folder=folder)
        )
        command = [sys.executable, "-m", "bench.passthrough", upstream.base]
        bare = stack.enter_context(running("passthrough", command, core=cores.server, folder=folder))
        gateway = stack.enter_context(running_gateway(upstream.base, cores.server, folder))
        idle = {GATEWAY: gateway.server.resident_mb(), BARE: bare.resident_mb()}
        yield Bench(cores, upstream, bare, gateway, idle)


def measure(bench: Bench, pace: Pace, tell: Callable[[str], None]) -> Results:
    """Interleaved rounds, so that whatever else the machine does meets every case alike; the first round is a rehearsal."""
    rows = [Row(case) for case in bench.cases()]
    for number in range(pace.rounds + 1):
        tell(f"round {number} of {pace.rounds}" if number else "rehearsal")
        for row in rows:
            figures = _figures(bench, row.case, pace.seconds)
            if number:
                row.rounds.append(figures)
    return Results(rows, bench.idle_mb)


def _figures(bench: Bench, case: Case, seconds: float) -> Figures:
    before = case.server.cpu_seconds()
    outcome = _load(bench.cores.around, case, seconds)
    during, whole = case.server.cpu_seconds() - before, 0.0
    if case.makes_jobs:
        bench.gateway.await_ends()
        whole = case.server.cpu_seconds() - before
    answers = max(outcome.answered, 1)
    return Figures(
        rps=outcome.rps,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        cpu_us=during / answers * 1e6,
        job_cpu_us=whole / answers * 1e6,
        resident_mb=case.server.resident_mb(),
        errors=outcome.errors,
    )


def _load(core: int, case: Case, seconds: float) -> Outcome:
    window, warm_up = (_BEFORE_THE_FIRST_POLL, 0.0) if case.makes_jobs else (seconds, 0.2)
    command = [sys.executable, "-m", "bench.load", "--url", case.server.base + case.path, "--key", case.key]
    command += ["--connections", str(case.connections), "--seconds", str(window), "--warm-up", str(warm_up)]
    command += [] if case.body is None else ["--body", case.body]
    with pinned(core):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return Outcome(**json.loads(ended.stdout))


def as_json(results: Results) -> list[dict[str, object]]:
    """Every round of every case, for later comparison."""
    return [
        {
            "code": row.case.code,
            "case": row.case.title,
            "served_by": row.case.served_by,
            "connections": row.case.connections,
            "rounds": [asdict(figures) for figures in row.rounds],
        }
        for row in results.rows
    ]

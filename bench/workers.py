"""W10: what a second worker brings, on SQLite and on PostgreSQL."""

import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.findings import Finding
from bench.load import Manner, Request, send
from bench.setting import Setting
from bench.site import IMAGE_MODEL, VIDEO_MODEL, Site, postgres_database, postgres_server, site
from bench.targets import running_upstream

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
TWO, TWO_BY_CPU = "two workers over one", "two workers over one, by CPU"
_MANY_CORES = 6  # from which on four workers are tried too
_CONNECTIONS = 32
_BEFORE_THE_FIRST_POLL = 0.8  # seconds from a create on
_PROMPT = "a small red kite above a quiet harbour"
_REQUESTS = {
    "image": Request("/v1/images/generations", json.dumps({"model": IMAGE_MODEL, "prompt": _PROMPT, "size": "1024x1024"})),
    "video create": Request("/v1/videos", json.dumps({"model": VIDEO_MODEL, "prompt": f"{_PROMPT}"})),
}
_NOTE = """\
{connections} connections, medians of interleaved rounds; "over one" compares answers per second, "by CPU" those per second of CPU
time of all workers, times their number: what they lose to each other. Only creates are measured; jobs are polled after the window.
{cores}"""
_TOO_FEW = """\
This machine has {cores} cores: two workers share them with the load generator, the vendor and PostgreSQL, so that answers per
second say less here than CPU does."""


@dataclass(slots=True)
class Case:
    """One kind of request to one gateway, with what the rounds gave."""

    title: str
    database: str
    workers: int
    gateway: Site
    rps: list[float] = field(default_factory=list)
    per_cpu_second: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def over(self, one: "Case") -> tuple[float, float]:
        """How many times as much as that case, by answers per second and by CPU."""
        by_cpu = statistics.median(self.per_cpu_second) / statistics.median(one.per_cpu_second)
        return statistics.median(self.rps) / statistics.median(one.rps), by_cpu * self.workers / one.workers


def measure(setting: Setting) -> list[Finding]:
    """All at the same time, in turns; each has a core for each worker, beside that of the load generator where there are enough."""
    cores = sorted(os.sched_getaffinity(0))
    numbers = (1, 2, 4) if len(cores) >= _MANY_CORES else (1, 2)
    with _gateways(setting, cores, numbers) as gateways:
        cases = [Case(title, *gateway) for title in _REQUESTS for gateway in gateways]
        for number in range(setting.pace.rounds + 1):
            setting.tell(f"round {number} of {setting.pace.rounds}" if number else "rehearsal")
            for case in cases:
                _round(setting, case, counts=number > 0)
    firsts = {(case.title, case.database): case for case in cases if case.workers == 1}
    rows, twos = [], []
    for case in cases:
        by_rps, by_cpu = case.over(firsts[case.title, case.database])
        over = (f"{by_rps:.2f}", f"{by_cpu:.2f}") if case.workers > 1 else ("", "")
        rows.append((case.title, case.database, str(case.workers), *_medians(case), *over))
        if case.workers == 2:
            twos.append((by_rps, by_cpu))
    figures = {TWO: min(by_rps for by_rps, _ in twos), TWO_BY_CPU: min(by_cpu for _, by_cpu in twos)}
    columns = ("case", "database", "workers", "answers/s", "p99 ms", "answers per CPU s", "over one", "over one, by CPU")
    note = _NOTE.format(connections=_CONNECTIONS, cores=_TOO_FEW.format(cores=len(cores)) if len(cores) < 4 else "")
    return [Finding("W10", "Several workers", columns, tuple(rows), figures, note)]


def _medians(case: Case) -> tuple[str, ...]:
    return tuple(f"{statistics.median(figures):.0f}" for figures in (case.rps, case.p99_ms, case.per_cpu_second))


def _round(setting: Setting, case: Case, *, counts: bool) -> None:
    before, started = case.gateway.server.cpu_seconds(), time.perf_counter()
    request, headers = _REQUESTS[case.title], {"authorization": f"Bearer {case.gateway.key}"}
    manner = Manner(_CONNECTIONS, min(setting.pace.seconds, _BEFORE_THE_FIRST_POLL), 0.0)
    outcome = send(setting.cores.around, case.gateway.base, Request(request.path, request.body, headers), manner)
    if outcome.errors or outcome.unfinished or not outcome.answered:
        raise RuntimeError(f"{case}: {outcome}")
    took = time.perf_counter() - started
    cpu_seconds = case.gateway.server.cpu_seconds() - before
    case.gateway.nothing_open()
    if counts:
        case.rps.append(outcome.answered / took)
        case.p99_ms.append(outcome.p99_ms)
        case.per_cpu_second.append(outcome.answered / cpu_seconds)


@contextmanager
def _gateways(setting: Setting, cores: Sequence[int], numbers: Sequence[int]) -> Iterator[list[tuple[str, int, Site]]]:
    """One for each database and number of workers: its database, that number, and where it is."""
    server, free = postgres_server(), [core for core in cores if core != setting.cores.around]
    with ExitStack() as stack:
        upstream = stack.enter_context(running_upstream(setting)).base
        found = []
        for database in (SQLITE, POSTGRESQL) if server else (SQLITE,):
            for workers in numbers:
                url = stack.enter_context(postgres_database(server)) if server and database == POSTGRESQL else ""
                folder = setting.folder / f"{database} {workers}"
                allowed = free[-workers:] if len(free) >= workers else cores
                gateway = stack.enter_context(
                    site(folder, allowed, upstream, database=url, workers=workers, environment={"FILMGATE_KEEP_RESULTS": "false"})
                )
                found.append((database, workers, gateway))
        yield found

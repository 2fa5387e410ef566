"""W5: how soon the gateway knows that a job has ended, with 100 to 10,000 of them open, and what asking costs.

A job's lag is the time in its row less the instant at which its vendor had it finished; both read the same clock. Next to it
stands the interval at which the gateway meant to ask about that job then, by its own rule (`domain.pacing`).
"""

import sqlite3
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.adapters.registry import catalogue
from app.domain.pacing import Learning, poll_interval
from bench.asking import asked, part, wire
from bench.findings import Finding
from bench.processes import running
from bench.setting import Setting
from bench.site import VIDEO_MODEL, site, vendor_command

OPEN_JOBS, QUICK_OPEN_JOBS = (100, 1_000, 10_000), (100, 1_000)
LASTS, QUICK_LASTS = (30, 150), (10, 40)  # seconds
LATE, POLLS = "lag p99 less interval, seconds", "polls of a 90 s job"
_AROUND_90 = (85.0, 95.0)  # seconds
_GRACE = 120.0  # seconds after the last job has ended at its vendor
_COLUMNS = (
    *("jobs", "created /s", "lag p50 s", "lag p99 s", "lag max s", "interval p99 s", "lag less interval p99 s"),
    *("polls a job", "of a 90 s job, at most", "polls/s, at most", "CPU s", "CPU ms a job", "RSS MB"),
)
_NOTE = """\
Jobs end at random {least} to {longest} s after their create; SQLite, one worker, results are copied as shipped. The vendor answers
at once. CPU is the gateway's from the last create to the last end, polls, rows and copies together."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One job; times are those of the wall clock, `before` that of the last answer "not yet" (0: there was none)."""

    accepted: float
    ended: float  # at its vendor
    before: float
    noticed: float  # as its row says
    polls: int

    @property
    def lag(self) -> float:
        """Seconds."""
        return self.noticed - self.ended


@dataclass(frozen=True, slots=True)
class Run:
    """All jobs of one gateway, with the paces that it had learned, by the time at which it learned them."""

    seen: Sequence[Seen]
    paces: Sequence[tuple[float, float]]
    created_rps: float
    polls_per_second: float
    cpu_seconds: float
    resident_mb: float

    def interval(self, job: Seen) -> float:
        """Seconds after which the gateway meant to ask about the job again when it had last heard "not yet"."""
        at = job.before or job.accepted
        pace = self.paces[max(bisect_right(self.paces, (at, float("inf"))) - 1, 0)][1]
        return poll_interval(max(at - job.accepted, 0.0), pace)

    def cells(self) -> tuple[str, ...]:
        """For people."""
        lags, intervals = [job.lag for job in self.seen], [self.interval(job) for job in self.seen]
        polls = sum(job.polls for job in self.seen) / len(self.seen)
        most = self.most_polls()
        return (
            *(f"{len(self.seen):,}", f"{self.created_rps:.0f}"),
            *(f"{part(sorted(lags), share):.2f}" for share in (0.5, 0.99, 1.0)),
            *(f"{part(sorted(intervals), 0.99):.2f}", f"{self.late():.2f}"),
            *(f"{polls:.1f}", str(most) if most else "", f"{self.polls_per_second:.0f}"),
            *(f"{self.cpu_seconds:.1f}", f"{self.cpu_seconds / len(self.seen) * 1e3:.2f}", f"{self.resident_mb:.0f}"),
        )

    def late(self) -> float:
        """By how many seconds 99 of 100 jobs were noticed after their interval, at most; negative where all were within."""
        return part(sorted(job.lag - self.interval(job) for job in self.seen), 0.99)

    def most_polls(self) -> int:
        """Of one job that took about 90 seconds; 0 where none did."""
        least, longest = _AROUND_90
        return max((job.polls for job in self.seen if least <= job.ended - job.accepted <= longest), default=0)


def measure(setting: Setting) -> list[Finding]:
    """Each number of jobs on a gateway of its own."""
    counts, lasts = (QUICK_OPEN_JOBS, QUICK_LASTS) if setting.pace.quick else (OPEN_JOBS, LASTS)
    runs = [_run(setting, count, lasts) for count in counts]
    figures = {LATE: runs[-1].late()}
    if most := runs[-1].most_polls():
        figures[POLLS] = float(most)
    rows = tuple(run.cells() for run in runs)
    return [Finding("W5", "Completion lag", _COLUMNS, rows, figures, _NOTE.format(least=lasts[0], longest=lasts[1]))]


def _run(setting: Setting, count: int, lasts: tuple[int, int]) -> Run:
    setting.tell(f"{count:,} jobs that last {lasts[0]} to {lasts[1]} s")
    folder = setting.folder / str(count)
    with (
        running("vendor", vendor_command(), core=setting.cores.around, folder=setting.folder) as vendor,
        site(folder, [setting.cores.server], vendor.base) as gateway,
    ):
        body = {"model": VIDEO_MODEL, "prompt": f"a small red kite, LASTS {lasts[0]}-{lasts[1]}"}
        wires = [wire(gateway.base, "/v1/videos", gateway.key, body)]
        answers = asked(gateway.base, wires, core=setting.cores.around, folder=setting.folder, connections=32, count=count)
        if answers.errors or answers.answered != count:
            raise RuntimeError(f"{answers.errors} of {answers.answered} creates failed")
        before = gateway.server.cpu_seconds()
        fastest = max(_polls_per_second(vendor.base, folder / "filmgate.db", lasts[1] + _GRACE))
        cpu, resident = gateway.server.cpu_seconds() - before, gateway.server.resident_mb()
        told = httpx.get(f"{vendor.base}/report", timeout=30.0).json()
    seen = list(_seen(folder / "filmgate.db", told))
    if len(seen) != count:
        raise RuntimeError(f"{count - len(seen)} of {count} jobs were not completed")
    return Run(seen, _paces(seen), count / answers.seconds, fastest, cpu, resident)


def _polls_per_second(vendor: str, database: Path, patience: float) -> Iterator[float]:
    """Of every five seconds until no job is open; both are asked of others than the gateway, whose time is measured."""
    ends, polls, at = time.monotonic() + patience, _polls(vendor), time.monotonic()
    while _open(database):
        if time.monotonic() > ends:
            raise RuntimeError("the jobs did not end")
        time.sleep(5.0)
        now, answered = time.monotonic(), _polls(vendor)
        yield (answered - polls) / (now - at)
        polls, at = answered, now


def _polls(vendor: str) -> int:
    return int(httpx.get(f"{vendor}/polls", timeout=30.0).text)


def _open(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30.0)) as connection:
        found: int = connection.execute("SELECT count(*) FROM jobs WHERE status IN ('queued', 'in_progress')").fetchone()[0]
    return found


def _seen(database: Path, told: dict[str, tuple[float, float, float, int]]) -> Iterator[Seen]:
    query = "SELECT upstream_id, accepted_at, completed_at FROM jobs WHERE status = 'completed' ORDER BY completed_at"
    with closing(sqlite3.connect(database)) as connection:
        for upstream_id, accepted, completed in connection.execute(query):
            ended, before, _, polls = told[upstream_id]
            yield Seen(accepted / 1e6, ended, before, completed / 1e6, polls)


def _paces(seen: Sequence[Seen]) -> list[tuple[float, float]]:
    """What the gateway learned, played through as it does it."""
    paces, learning = [(0.0, catalogue("openai").open_card("video").pace)], Learning()
    for job in seen:
        paces.append((job.noticed, learning.learn(paces[-1][1], job.accepted, job.noticed - job.accepted)))
    return paces

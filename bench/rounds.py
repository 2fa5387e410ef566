"""Interleaved rounds: each visits every case, so that whatever else the machine does meets all of them alike; then medians."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bench.load import Manner, Outcome, Request, send
from bench.processes import Cores
from bench.setting import Setting
from bench.targets import Target


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request to one target, sent in one manner."""

    title: str
    target: Target
    request: Request
    manner: Manner


@dataclass(frozen=True, slots=True)
class Figures:
    """One round of one case. CPU is the server's, in microseconds per answer; memory in MB."""

    rps: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    mb_s: float
    cpu_us: float  # while the load lasted
    whole_cpu_us: float  # until all was done that the answers left to do: polls, copies
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
class Rows:
    """All cases of a run of rounds."""

    all: Sequence[Row]

    def one(self, name: str, title: str, manner: Manner) -> Row | None:
        """This case of this target; None where it was not measured."""
        wanted = (name, title, manner)
        return next((row for row in self.all if (row.case.target.name, row.case.title, row.case.manner) == wanted), None)

    def ratio(self, above: str, below: str, title: str, manner: Manner, figure: Callable[[Row], float]) -> float:
        """This figure of the one target divided by the other's; NaN where one of them was not measured."""
        over, under = self.one(above, title, manner), self.one(below, title, manner)
        if over is None or under is None or figure(under) == 0:
            return math.nan
        return figure(over) / figure(under)


def interleaved(setting: Setting, cases: Iterable[Case]) -> Rows:
    """The first round is a rehearsal and does not count."""
    rows = [Row(case) for case in cases]
    for number in range(setting.pace.rounds + 1):
        setting.tell(f"round {number} of {setting.pace.rounds}" if number else "rehearsal")
        for row in rows:
            figures = one_round(setting.cores, row.case)
            if number:
                row.rounds.append(figures)
    return Rows(rows)


def one_round(cores: Cores, case: Case) -> Figures:
    """One case, once."""
    server = case.target.server
    before = server.cpu_seconds()
    outcome = send(cores.around, server.base, case.request, case.manner)
    during = server.cpu_seconds() - before
    resident = server.resident_mb()
    case.target.settle()
    return _figures(outcome, during, server.cpu_seconds() - before, resident, case.manner)


def _figures(outcome: Outcome, during: float, whole: float, resident: float, manner: Manner) -> Figures:
    answers = max(outcome.answered, 1)
    return Figures(
        rps=outcome.rps,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        max_ms=outcome.max_ms,
        mb_s=outcome.mb / (manner.warm_up + manner.seconds),
        cpu_us=during / answers * 1e6,
        whole_cpu_us=whole / answers * 1e6,
        resident_mb=resident,
        errors=outcome.errors + outcome.unfinished,
    )

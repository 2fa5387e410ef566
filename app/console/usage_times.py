"""Usage along time, as a chart draws it: a bar for each day, or for each month where the days are too many."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.domain.json import Json

_MOST_DAYS = 92  # bars of days that a chart has room for


@dataclass(frozen=True, slots=True)
class Sums:
    """What was made and what it cost, in dollars; `seconds` of video."""

    jobs: int = 0
    completed: int = 0
    failed: int = 0
    results: int = 0
    seconds: float = 0.0
    usd: Decimal = Decimal(0)

    @property
    def failed_share(self) -> float | None:
        """How many of the jobs failed, from 0 to 1; None without jobs."""
        return self.failed / self.jobs if self.jobs else None

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.jobs + other.jobs,
            self.completed + other.completed,
            self.failed + other.failed,
            self.results + other.results,
            self.seconds + other.seconds,
            self.usd + other.usd,
        )


@dataclass(frozen=True, slots=True)
class NamedSums:
    """The sums of a day or of a model."""

    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class TimeBar:
    """A day (`2026-03-01`) or month (`2026-03`), the short text under its bar, and what was made in it."""

    time: str
    label: str
    sums: Sums


def sums(lines: Json) -> Sums:
    """All these lines of usage together."""
    return sum(_by(lines, 10).values(), Sums())


def by_name(lines: Json, name: str) -> list[NamedSums]:
    """Each line with what it is called by the field `name`."""
    found = lines if isinstance(lines, Sequence) else ()
    return [NamedSums(str(line[name]), sums_of(line)) for line in found if isinstance(line, Mapping)]


def costliest(lines: Sequence[NamedSums], most: int) -> list[NamedSums]:
    """At most so many lines: what cost most first, then what was asked for most."""
    return sorted(lines, key=lambda line: (-line.sums.usd, -line.sums.jobs, line.name))[:most]


def by_time(lines: Json, first: date, last: date) -> list[TimeBar]:
    """A bar for each day from `first` to `last`, also for those without a line; or for each month that lies between lines."""
    if last.toordinal() - first.toordinal() < _MOST_DAYS:
        found = _by(lines, len("2026-03-01"))
        days = [date.fromordinal(day).isoformat() for day in range(first.toordinal(), last.toordinal() + 1)]
        return [TimeBar(day, day[5:], found.get(day, Sums())) for day in days]
    found = _by(lines, len("2026-03"))
    return [TimeBar(month, month, found.get(month, Sums())) for month in _months(found)]


def _by(lines: Json, length: int) -> dict[str, Sums]:
    """Sums by the first characters of the lines' days."""
    found: dict[str, Sums] = {}
    for line in lines if isinstance(lines, Sequence) else ():
        if isinstance(line, Mapping):
            time = str(line.get("day", ""))[:length]
            found[time] = found.get(time, Sums()) + sums_of(line)
    return found


def sums_of(line: Mapping[str, Json]) -> Sums:
    """One line of usage."""
    jobs, completed, failed, results = (int(str(line[name])) for name in ("jobs", "completed", "failed", "results"))
    return Sums(jobs, completed, failed, results, float(str(line["seconds"])), Decimal(str(line["usd"])))


def _months(found: Iterable[str]) -> list[str]:
    """Every month from the first to the last of these."""
    places = [int(month[:4]) * 12 + int(month[5:]) - 1 for month in found]
    if not places:
        return []
    return [f"{place // 12:04}-{place % 12 + 1:02}" for place in range(min(places), max(places) + 1)]

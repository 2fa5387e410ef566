"""What the gateway is to reach, as data, and whether it does.

Each goal has a floor that it must keep and an aim. Figures are those that workloads find, by their names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Figures = Mapping[str, float]
NOT_KEPT = ", results not kept"  # ends the name of a figure that is measured without copies, too


class Verdict(StrEnum):
    """How a goal stands."""

    AIM = "aim reached"
    MUST = "must reached"
    MISSED = "not reached"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure and where it has to stay."""

    figure: str
    relation: Literal["<=", ">="]
    limit: float
    shown: str = "{:g}"

    def holds(self, figures: Figures) -> bool | None:
        """None where the figure was not measured. Where it is also measured without copies, that counts: nobody else keeps any."""
        value = figures.get(self.figure + NOT_KEPT, figures.get(self.figure))
        if value is None:
            return None
        return value <= self.limit if self.relation == "<=" else value >= self.limit

    def words(self) -> str:
        """The limit."""
        return f"{'≤' if self.relation == '<=' else '≥'} {self.shown.format(self.limit)}"

    def found(self, figures: Figures) -> str:
        """What was measured; where without copies too, that, and the other in brackets. Empty where nothing was."""
        values = (figures.get(self.figure + NOT_KEPT), figures.get(self.figure))
        texts = [self._rounded(value) for value in values if value is not None]
        return f"{texts[0]} ({texts[1]})" if len(texts) > 1 else "".join(texts)

    def _rounded(self, value: float) -> str:
        return self.shown.format(float(f"{value:.3g}"))


@dataclass(frozen=True, slots=True)
class Goal:
    """`aim` is on top of `must`: it is reached where both hold. Without an aim there is no more to reach than the floor."""

    number: str
    title: str
    must: Sequence[Bound]
    aim: Sequence[Bound] = field(default=())

    def verdict(self, figures: Figures) -> Verdict:
        """From what was measured."""
        floor = [bound.holds(figures) for bound in self.must]
        if False in floor:
            return Verdict.MISSED
        if None in floor:
            return Verdict.UNKNOWN
        return Verdict.AIM if all(bound.holds(figures) for bound in self.aim) else Verdict.MUST

    def found(self, figures: Figures) -> str:
        """Every figure that a bound is about, once."""
        bounds = {bound.figure: bound for bound in (*self.must, *self.aim)}
        return " / ".join(filter(None, (bound.found(figures) for bound in bounds.values())))


def _least(figure: str, must: float, aim: float, shown: str = "{:g}×") -> tuple[tuple[Bound], tuple[Bound]]:
    return (Bound(figure, ">=", must, shown),), (Bound(figure, ">=", aim, shown),)


def _most(figure: str, must: float, aim: float, shown: str = "{:g}") -> tuple[tuple[Bound], tuple[Bound]]:
    return (Bound(figure, "<=", must, shown),), (Bound(figure, "<=", aim, shown),)


def _only(figure: str, relation: Literal["<=", ">="], limit: float, shown: str = "{:g}") -> tuple[tuple[Bound], tuple[Bound]]:
    bound = (Bound(figure, relation, limit, shown),)
    return bound, bound


GOALS: Sequence[Goal] = (
    Goal("1", "images per core against LiteLLM", *_least("image per core over LiteLLM", 8, 20)),
    Goal("2", "images per core against Portkey", *_least("image per core over Portkey", 2, 5)),
    Goal("3", "video creates with a durable row against LiteLLM without one", *_least("video create per core over LiteLLM", 8, 20)),
    Goal(
        "4",
        "added p50 at 1 connection: part of LiteLLM's / of Portkey's",
        (Bound("image added p50 over LiteLLM", "<=", 0.15),),
        (Bound("image added p50 over Portkey", "<=", 1.0),),
    ),
    Goal("5", "added p99 at 80 rps: part of LiteLLM's", *_most("image added p99 at 80 rps over LiteLLM", 0.25, 0.1)),
    Goal(
        "6",
        "images per core against a bare FastAPI + pydantic + aiohttp",
        *_least("image per core over plain on the same client", 0.9, 1.0, "{:g}"),
    ),
    Goal("7", "images per core against FastAPI + pydantic + httpx", *_least("image per core over the usual first version", 3, 8)),
    Goal(
        "8",
        "memory, idle / after load",
        (Bound("idle MB", "<=", 80, "{:g} MB"), Bound("after load MB", "<=", 80, "{:g} MB")),
        (Bound("idle MB", "<=", 60, "{:g} MB"), Bound("after load MB", "<=", 60, "{:g} MB")),
    ),
    Goal(
        "9",
        "1,000 in flight on a 10 s vendor: errors / added p50 as a part of Portkey's / most memory / added p50",
        (
            Bound("in flight: errors", "<=", 0),
            Bound("in flight: added p50 over Portkey", "<=", 0.25),
            Bound("in flight: peak MB", "<=", 150, "{:g} MB"),
        ),
        (Bound("in flight: added p50 ms", "<=", 120, "{:g} ms"),),
    ),
    Goal("10a", "2 MB answers per core against LiteLLM", *_least("2 MB answers per core over LiteLLM", 5, 8)),
    Goal("10b", "2 MB answers per core against Portkey", *_least("2 MB answers per core over Portkey", 8, 12)),
    Goal("11", "polls a second and core", *_least("polls/s per core", 3000, 10_000, "{:g}")),
    Goal("12", "memory of 10,000 open jobs", *_most("MB per 10,000 open jobs", 10, 5, "{:g} MB")),
    Goal(
        "13",
        "content passed through: speed as a part of nginx's / CPU per GB",
        (Bound("content speed over nginx", ">=", 0.9), Bound("content CPU s per GB", "<=", 1.1, "{:g} s")),
        (Bound("content speed over nginx", ">=", 1.1), Bound("content CPU s per GB", "<=", 0.85, "{:g} s")),
    ),
    Goal("14", "memory growth of 4 streams of 20 and 200 MB", *_most("content growth of 4 streams MB", 16, 4, "{:g} MB")),
    Goal("15", "commits per 1000 changed jobs", *_most("commits per 1000 changed jobs", 50, 15)),
    Goal("W4a", "a status read of a million jobs against one of a thousand", *_only("status flatness", "<=", 1.3, "{:g}×")),
    Goal("W4b", "a list page of a million jobs against one of a thousand", *_only("list flatness", "<=", 1.3, "{:g}×")),
    Goal("W5a", "p99 lag beyond one poll interval, 10,000 open jobs", *_only("lag p99 less interval, seconds", "<=", 1, "{:g} s")),
    Goal("W5b", "polls of a 90 s job", *_only("polls of a 90 s job", "<=", 15)),
    Goal("W6a", "memory growth of 50 downloads of 100 MB", *_only("download growth MB", "<=", 64, "{:g} MB")),
    Goal("W6b", "p99 of a seek beyond the vendor's own", *_only("seek p99 added ms", "<=", 50, "{:g} ms")),
    Goal("W9a", "start of the gateway", *_only("start s", "<=", 1.5, "{:g} s")),
    Goal("W9b", "idle memory of a worker, console included", *_only("idle MB", "<=", 80, "{:g} MB")),
    Goal("W10", "two workers against one", *_only("two workers over one", ">=", 1.7, "{:g}×")),
)


def table(figures: Figures) -> list[tuple[str, ...]]:
    """Every goal as a line: number, title, must, aim, measured, verdict."""
    return [
        (goal.number, goal.title, _words(goal.must), _words(goal.aim), goal.found(figures), str(goal.verdict(figures)))
        for goal in GOALS
    ]


def _words(bounds: Sequence[Bound]) -> str:
    return " / ".join(bound.words() for bound in bounds)

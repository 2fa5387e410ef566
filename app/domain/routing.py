"""Which channels may serve a request, and in which order: (model, groups) -> ordered channels, each skip with its reason."""

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.domain.capabilities import ModelCard
from app.domain.channels import Channel
from app.domain.requests import Operation


@dataclass(frozen=True, slots=True)
class Served:
    """How a channel serves a public model name (and the variant that the client names beside it)."""

    upstream_model: str
    card: ModelCard
    named: bool = True  # False: only through an open catalogue, so any channel that names it goes first


@dataclass(frozen=True, slots=True)
class Candidate:
    """One channel in the route; `served` is None and `reason` says why where it cannot be used."""

    channel: Channel
    served: Served | None = None
    reason: str = ""

    @property
    def eligible(self) -> bool:
        """Whether a job may be sent there."""
        return self.served is not None and not self.reason


Serves = Callable[[Channel, str, Operation, str | None], Served | None]


def candidates(
    model: str,
    op: Operation,
    groups: frozenset[str],
    channels: Iterable[Channel],
    serves: Serves,
    rng: random.Random,
    resting: Mapping[str, str] | None = None,
    variant: str | None = None,
) -> tuple[Candidate, ...]:
    """Every channel that knows the model: eligible ones first, in the order in which they are tried.

    Higher priority first; inside a tier a weighted shuffle (all weights 0: equal chances). Channels that serve the name only
    because their catalogue is open count only when no channel that these groups can use names it. `resting` maps channel
    ids to why they are left out.
    """
    found = [
        (channel, served, _closed(channel, groups))
        for channel in channels
        if (served := serves(channel, model, op, variant)) is not None
    ]
    named = any(served.named and not closed for _, served, closed in found)
    usable: list[Candidate] = []
    skipped: list[Candidate] = []
    for channel, served, closed in found:
        reason = closed or _reason(channel, served, named, resting or {})
        (skipped if reason else usable).append(Candidate(channel, served, reason))
    return (*_ordered(usable, rng), *skipped)


def _closed(channel: Channel, groups: frozenset[str]) -> str:
    """Why these groups cannot use the channel at all; empty where they can."""
    if channel.deleted:
        return "deleted"
    if not channel.enabled:
        return "disabled"
    if channel.groups.isdisjoint(groups):
        return "not in the key's groups"
    return ""


def _reason(channel: Channel, served: Served, named: bool, resting: Mapping[str, str]) -> str:
    if named and not served.named:
        return "another channel names this model"
    return resting.get(channel.id, "")


def _ordered(usable: list[Candidate], rng: random.Random) -> list[Candidate]:
    if len(usable) < 2:
        return usable
    tiers = sorted({candidate.channel.priority for candidate in usable}, reverse=True)
    return [candidate for tier in tiers for candidate in _shuffled([one for one in usable if one.channel.priority == tier], rng)]


def _shuffled(tier: list[Candidate], rng: random.Random) -> list[Candidate]:
    """A weighted random order (Efraimidis and Spirakis: sort by -ln(u)/w)."""
    if len(tier) < 2:
        return tier
    equal = not any(candidate.channel.weight > 0 for candidate in tier)

    def ticket(candidate: Candidate) -> float:
        weight = 1 if equal else candidate.channel.weight
        return -math.log(1.0 - rng.random()) / weight if weight > 0 else math.inf

    return sorted(tier, key=ticket)

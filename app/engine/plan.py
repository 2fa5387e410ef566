"""Everything about a request that can be decided before anything is sent: who may serve it, and as what."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.channels import Channel, Key
from app.domain.errors import InvalidRequest, NoChannel, NotAllowed, NotFound
from app.domain.fit import Fitted, fit
from app.domain.requests import Notice, Request
from app.domain.routing import Candidate, Served, candidates
from app.engine.configuration import serves


@dataclass(frozen=True, slots=True)
class Planned:
    """A channel that can serve the request, and the request as its model can."""

    channel: Channel
    served: Served
    request: Request
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class RouteStep:
    """One line of the route that admins see."""

    channel: str
    eligible: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The channels to try, in order, and the whole route with the reason of each skip."""

    choices: tuple[Planned, ...]
    route: tuple[RouteStep, ...]


def make_plan(
    request: Request, notices: tuple[Notice, ...], key: Key, channels: Iterable[Channel], rng: random.Random, *, strict: bool
) -> Plan:
    """Routes and fits a request.

    Raises NotAllowed, NotFound (nobody serves the model), NoChannel (somebody does, not now) or InvalidRequest (no channel
    can take it as written; in strict mode also when anything would be adjusted).
    """
    if not key.may_use(request.model):
        raise NotAllowed(f"This key may not use the model {request.model!r}.", code="model_not_allowed", param="model")
    found = candidates(request.model, request.op, key.groups, channels, serves, rng)
    _check_any(request, key, found)
    choices: list[Planned] = []
    route: list[RouteStep] = []
    refusals: list[InvalidRequest] = []
    for candidate in found:
        if candidate.served is None or not candidate.eligible:
            route.append(RouteStep(candidate.channel.name, False, candidate.reason))
            continue
        try:
            planned = _plan_one(request, notices, candidate.channel, candidate.served, strict=strict)
        except InvalidRequest as refusal:
            refusals.append(refusal)
            route.append(RouteStep(candidate.channel.name, False, refusal.message))
        else:
            choices.append(planned)
            route.append(RouteStep(candidate.channel.name, True, "first choice" if len(choices) == 1 else "fallback"))
    if not choices and refusals:
        raise refusals[0]
    return Plan(tuple(choices), tuple(route))


def _check_any(request: Request, key: Key, found: tuple[Candidate, ...]) -> None:
    if any(candidate.eligible for candidate in found):
        return
    if any(candidate.channel.groups & key.groups and not candidate.channel.deleted for candidate in found):
        raise NoChannel(f"No channel for the model {request.model!r} is available now.", param="model", retry_after=30)
    raise NotFound(
        f"The model {request.model!r} does not exist, or this key has no access to it.", code="model_not_found", param="model"
    )


def _plan_one(request: Request, notices: tuple[Notice, ...], channel: Channel, served: Served, *, strict: bool) -> Planned:
    guessed = any(notice.code == "roles_guessed" for notice in notices)
    fitted: Fitted = fit(request, served.card.capabilities, roles_guessed=guessed)
    together = (*notices, *fitted.notices)
    if strict and together:
        first = together[0]
        name = request.client_name(first.field) if first.field else None
        raise InvalidRequest(f"Strict mode: this request cannot be served exactly as written ({first.code}).", param=name)
    return Planned(channel, served, fitted.request, together)

"""Everything about a request that can be decided before anything is sent: who may serve it, and as what."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import TypeAlias

from app.adapters.registry import catalogue
from app.domain.channels import Channel, Key
from app.domain.errors import InputRefused, InvalidRequest, NoChannel, NotAllowed, NotFound
from app.domain.fit import fit
from app.domain.media import Form, Media
from app.domain.money import quote
from app.domain.prices import Terms, price_from_json
from app.domain.replacing import replace
from app.domain.requests import Mode, Notice, Request
from app.domain.routing import Candidate, Served, Serves, candidates
from app.engine.configuration import public_names, serves
from app.engine.health import Rest

_LONGEST = 30.0  # seconds that are reserved for a video whose length nobody knows
_ONE = Decimal(1)
Rests: TypeAlias = Callable[[Channel], Rest | None]
_SUGGESTIONS = 12  # names of other models in an error message, at most


@dataclass(frozen=True, slots=True)
class Planned:
    """A channel that can serve the request, and the request as its model can."""

    channel: Channel
    served: Served
    request: Request
    notices: tuple[Notice, ...]
    terms: Terms


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
    request: Request,
    notices: tuple[Notice, ...],
    key: Key,
    channels: Iterable[Channel],
    rng: random.Random,
    *,
    strict: bool,
    ratios: Mapping[str, Decimal] | None = None,
    rests: Rests = lambda _: None,
    serves: Serves = serves,
) -> Plan:
    """Routes, fits and prices a request; `ratios` are the groups' price ratios where they are not 1, `rests` says who is left out.

    Raises NotAllowed, NotFound (nobody serves the model), NoChannel (somebody does, not now) or InvalidRequest (no channel
    can take it as written; in strict mode also when anything would be adjusted).
    """
    if not key.may_use(request.model):
        raise NotAllowed(f"This key may not use the model {request.model!r}.", code="model_not_allowed", param="model")
    channels = list(channels)
    found = _found(request, key, channels, rng, rests, serves)
    _check_any(request, key, found, rests)
    choices: list[Planned] = []
    route: list[RouteStep] = []
    refusals: list[InvalidRequest] = []
    unpriced = False
    for candidate in _source_first(found, request):
        if candidate.served is None or not candidate.eligible:
            route.append(RouteStep(candidate.channel.name, False, candidate.reason))
            continue
        try:
            planned = _plan_one(request, notices, candidate.channel, candidate.served, strict=strict)
        except InvalidRequest as refusal:
            refusals.append(refusal)
            route.append(RouteStep(candidate.channel.name, False, refusal.message))
            continue
        planned = replace(planned, terms=terms_of(planned, key, ratios or {}))
        if key.budget is not None and not key.allow_unpriced and quote(planned.request, planned.terms).unpriced:
            unpriced = True
            route.append(RouteStep(candidate.channel.name, False, "no price, and the key has a budget"))
        else:
            choices.append(planned)
            route.append(RouteStep(candidate.channel.name, True, "first choice" if len(choices) == 1 else "fallback"))
    if not choices and unpriced:
        raise NotAllowed(
            f"The model {request.model!r} has no price, and this key has a budget.", code="model_not_allowed", param="model"
        )
    if not choices and refusals:
        raise _with_suggestions(refusals[0], request, key, channels)
    return Plan(tuple(choices), tuple(route))


def _found(
    request: Request, key: Key, channels: Sequence[Channel], rng: random.Random, rests: Rests, serves: Serves
) -> tuple[Candidate, ...]:
    """The candidates; those that merely had trouble lately take part when nobody else can serve the model."""
    resting = {channel.id: rest for channel in channels if (rest := rests(channel)) is not None}
    if not resting:
        return candidates(request.model, request.op, key.groups, channels, serves, rng, variant=request.model_variant)
    strict = {name: rest for name, rest in resting.items() if not rest.last_resort}
    for left_out in (resting, strict):
        reasons = {name: rest.reason for name, rest in left_out.items()}
        found = candidates(request.model, request.op, key.groups, channels, serves, rng, reasons, request.model_variant)
        if left_out is strict or any(candidate.eligible for candidate in found):
            break
    return found


def _check_any(request: Request, key: Key, found: tuple[Candidate, ...], rests: Rests) -> None:
    if any(candidate.eligible for candidate in found):
        return
    open_to_key = [one.channel for one in found if one.channel.groups & key.groups and not one.channel.deleted]
    if open_to_key:
        tired = any(rests(channel) is not None for channel in open_to_key)
        raise NoChannel(
            f"No channel for the model {request.model!r} is available now.", param="model", retry_after=10 if tired else 30
        )
    raise NotFound(
        f"The model {request.model!r} does not exist, or this key has no access to it.", code="model_not_found", param="model"
    )


def _source_first(found: tuple[Candidate, ...], request: Request) -> Sequence[Candidate]:
    """The channel that made a source job goes first: it can take the vendor's own id of it."""
    if not request.media:
        return found
    makers = {item.origin.channel_id for item in request.media if item.origin}
    return sorted(found, key=lambda candidate: candidate.channel.id not in makers)


def _plan_one(request: Request, notices: tuple[Notice, ...], channel: Channel, served: Served, *, strict: bool) -> Planned:
    if served.card.by_variant and (request.model_variant is not None or not served.card.by_mode):
        _refuse_variant(request)
    guessed = any(notice.code == "roles_guessed" for notice in notices)
    fitted = fit(request, served.card.capabilities, roles_guessed=guessed)
    for item in fitted.request.media:
        _check_source(item, channel, served)
    together = (*notices, *fitted.notices)
    if strict and together:
        first = together[0]
        name = request.client_name(first.field) if first.field else None
        raise InvalidRequest(f"Strict mode: this request cannot be served exactly as written ({first.code}).", param=name)
    upstream = served.card.by_mode.get(fitted.request.mode)
    if upstream:
        served = replace(served, upstream_model=upstream)
    return Planned(channel, served, fitted.request, together, Terms(price=None))


def terms_of(choice: Planned, key: Key, ratios: Mapping[str, Decimal]) -> Terms:
    """The channel's own price or else the catalogue's, times its ratio and that of the cheapest group that opens it."""
    own, limits = choice.channel.prices.get(choice.request.model), choice.served.card.capabilities
    longest = max(limits.durations or (), default=None) or limits.default_duration or _LONGEST
    return Terms(
        price=choice.served.card.price if own is None else price_from_json(own),
        ratio=choice.channel.price_ratio * group_ratio(choice.channel, key, ratios),
        usual_seconds=limits.default_duration or min(limits.durations or (), default=longest),
        longest_seconds=longest,
    )


def group_ratio(channel: Channel, key: Key, ratios: Mapping[str, Decimal]) -> Decimal:
    """The price ratio of the cheapest group that opens the channel for the key; `ratios` are those that are not 1."""
    return min((ratios.get(name, _ONE) for name in channel.groups & key.groups), default=_ONE)


def _refuse_variant(request: Request) -> None:
    """An umbrella name whose model the client did not name, or named wrongly."""
    if request.model_variant is None:
        message = f"The model {request.model!r} needs `model_name`."
        raise InvalidRequest(message, code="missing_required_parameter", param="model_name")
    raise InvalidRequest(f"The model {request.model!r} has no {request.model_variant!r}.", param="model_name")


def _check_source(item: Media, channel: Channel, served: Served) -> None:
    """A source given by id: ours must be of this channel where only the vendor's own ids go, a stranger's needs such a vendor."""
    rule = (served.card.capabilities.inputs or {}).get(item.role)
    forms = rule.forms if rule else (Form.TASK, Form.URL)
    if item.scheme != "task":
        if set(forms) == {Form.TASK}:
            message = "The model only works on videos that its vendor made: give the id of one instead of a link or file."
            raise InputRefused(message, param=item.param, code="unsupported_input")
        return
    if item.origin is None and Form.TASK not in forms:
        raise NotFound(f"No task with the id {item.src.removeprefix('task:')!r} exists.", code="task_not_exist", param=item.param)
    if item.origin is not None and set(forms) == {Form.TASK} and item.origin.channel_id != channel.id:
        message = "The source was made by another vendor, and this one only works on its own. Without `model`, its maker is asked."
        raise InvalidRequest(message, param=item.param)


def _with_suggestions(refusal: InvalidRequest, request: Request, key: Key, channels: Iterable[Channel]) -> InvalidRequest:
    """The refusal of a mode, with the models that can do it, those with the likest names first."""
    if refusal.code != "unsupported_mode":
        return refusal
    mode, asked = request.mode, request.model_variant or request.model
    able = {name for channel in channels if channel.enabled and channel.groups & key.groups for name in _able(channel, mode)}
    names = sorted((name for name in able if key.may_use(name)), key=lambda name: (-_likeness(name, asked), name))
    more = f" and {len(names) - _SUGGESTIONS} more" if len(names) > _SUGGESTIONS else ""
    models = ", ".join(names[:_SUGGESTIONS]) + more if names else "none that this key may use"
    return type(refusal)(f"{refusal.message} Models that can do {mode.value}: {models}.", code=refusal.code, param=refusal.param)


def _likeness(one: str, other: str) -> int:
    """With how many letters both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _able(channel: Channel, mode: Mode) -> Iterable[str]:
    models = catalogue(channel.adapter)
    for name in public_names(channel):
        upstream = name if channel.models == "*" else channel.models[name]
        card = models.find(upstream) or models.find(name)
        if card is not None and not card.retired and mode in (card.capabilities.modes or ()):
            yield name

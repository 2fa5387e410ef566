"""Runs a request up to the point of sending and shows what would be sent; fetches, sends and stores nothing."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.adapters.base import Call
from app.adapters.registry import adapters
from app.domain.channels import Credential
from app.domain.errors import InvalidRequest
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.money import Quote, quote
from app.domain.requests import Notice, Request
from app.engine.admission import Entry, affordable
from app.engine.calls import overridden, shown
from app.engine.gateway import Gateway, Wish
from app.engine.media import prepare
from app.engine.plan import Plan, Planned, RouteStep
from app.engine.redaction import secrets_of
from app.engine.vendors import TOKEN


@dataclass(frozen=True, slots=True)
class Explanation:
    """What CONTRACT §4 promises of `POST /admin/explain`; `call` is redacted."""

    request: Request
    fitted: Request
    notices: tuple[Notice, ...]
    route: tuple[RouteStep, ...]
    call: Mapping[str, Json]
    price: Quote


async def explain(gateway: Gateway, wish: Wish, channel: str | None = None) -> Explanation:
    """What this wish would become, on its first channel or on the one named by id or name.

    Raises the very errors that the client would get.
    """
    wish = await gateway.located(wish)
    plan = gateway.plan(wish)
    choice, call = await _first_able(gateway, wish, plan.choices if channel is None else (_choice(plan, channel),))
    price = quote(choice.request, choice.terms)
    async with gateway.database.read() as connection:
        await affordable(connection, Entry(wish.key, choice.channel, [price.micros]), gateway.now())
    adapter = adapters()[choice.channel.adapter]
    credential = gateway.submitter.desk.credentials.next(choice.channel)
    gateway.health.untried(choice.channel, credential.id)  # nothing is sent with it
    if adapter.build_token(credential, gateway.now()) is not None:
        credential = replace(credential, fields={**credential.fields, TOKEN: "<token>"})
    authorised = adapter.address(adapter.authorize(call, credential, gateway.now()), choice.channel.base_url)
    signed = adapter.sign(authorised, choice.channel.base_url, credential, gateway.now())
    # what was signed are bytes; people read JSON
    picture = shown(replace(signed, json=authorised.json, raw=authorised.raw), choice.channel.base_url)
    return Explanation(wish.request, choice.request, choice.notices, plan.route, _plain(picture, credential), price)


async def _first_able(gateway: Gateway, wish: Wish, choices: Sequence[Planned]) -> tuple[Planned, Call]:
    """The channel that a submission would ask first, for its vendor can take the media, and what it would send."""
    refused: InvalidRequest | None = None
    for choice in choices:
        try:
            job = await _job(gateway, wish, choice)
            return choice, overridden(adapters()[choice.channel.adapter].build_request(job), choice.channel)
        except InvalidRequest as problem:
            refused = refused or problem
    raise refused or AssertionError("a plan has at least one choice")


def _choice(plan: Plan, channel: str) -> Planned:
    for choice in plan.choices:
        if channel in (choice.channel.id, choice.channel.name):
            return choice
    raise InvalidRequest(f"The channel {channel!r} cannot serve this request.", param="channel")


async def _job(gateway: Gateway, wish: Wish, choice: Planned) -> Job:
    now = gateway.now()
    desk = replace(gateway.submitter.desk.media, dry_run=True)
    rules, uploads = choice.served.card.capabilities.inputs, dict(wish.uploads)
    placed = [await gateway.origins.placed(item, choice.channel, rules, uploads, dry_run=True) for item in choice.request.media]
    request = await prepare(replace(choice.request, media=tuple(placed)), rules, uploads, desk)
    return Job(
        id="task_explained",
        key_id=wish.key.id,
        model=wish.request.model,
        asked=wish.request,
        request=request,
        adapter=choice.channel.adapter,
        channel_id=choice.channel.id,
        upstream_model=choice.served.upstream_model,
        settings=choice.channel.settings,
        created_at=now,
        updated_at=now,
        deadline_at=now,
    )


def _plain(value: Json, credential: Credential) -> Mapping[str, Json]:
    """The call with marks in place of bytes, and `<token>` in place of secrets."""
    walked = _walk(value, secrets_of(credential))
    return walked if isinstance(walked, Mapping) else {}


def _walk(value: Json, secrets: Sequence[str]) -> Json:
    if isinstance(value, str):
        return _text(value, secrets)
    if isinstance(value, Mapping):
        return {name: _walk(item, secrets) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [_walk(item, secrets) for item in value]
    return value


_MARK = base64.b64encode(b"<bytes of URL>").decode()


def _text(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "<token>")
    head, comma, encoded = text.rpartition(",")
    if encoded == _MARK and (not comma or head.startswith("data:")):
        return "<bytes of URL>"
    return text

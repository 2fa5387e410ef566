"""`/v1/models`: what this key may use, and what each of it can do."""

from collections.abc import Iterable

from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import CurrentKey, GatewayDep
from app.api.dialects.models import Offer, capabilities_object, model_list, model_object
from app.domain.channels import Channel, Key
from app.domain.errors import NotFound
from app.domain.prices import price_from_json
from app.domain.requests import Operation
from app.engine.configuration import public_names, serves
from app.engine.gateway import Gateway

_OPERATIONS: tuple[Operation, ...] = ("video", "image")


async def list_models(key: CurrentKey, gateway: GatewayDep) -> Response:
    """Every model that this key may use now."""
    return json_answer(model_list(sorted(offers(gateway, key).values(), key=lambda offer: offer.name)))


async def read_model(model: str, key: CurrentKey, gateway: GatewayDep) -> Response:
    """One model."""
    return json_answer(model_object(_offer(gateway, key, model)))


async def read_capabilities(model: str, key: CurrentKey, gateway: GatewayDep) -> Response:
    """What a model can do, takes and costs."""
    return json_answer(capabilities_object(_offer(gateway, key, model)))


def offers(gateway: Gateway, key: Key) -> dict[str, Offer]:
    """The listed models by name, each as the channel serves it that would be asked first."""
    found: dict[str, Offer] = {}
    for channel in _usable(gateway, key):
        for name in public_names(channel):
            if name not in found and key.may_use(name):
                offer = _served(channel, name)
                if offer is not None:
                    found[name] = offer
    return found


def _offer(gateway: Gateway, key: Key, name: str) -> Offer:
    """A model by its name; names that only an open catalogue takes are known here too, though nobody lists them."""
    listed = offers(gateway, key).get(name)
    if listed is not None:
        return listed
    if key.may_use(name):
        for channel in _usable(gateway, key):
            offer = _served(channel, name)
            if offer is not None:
                return offer
    raise NotFound(
        f"The model {name[:200]!r} does not exist, or this key has no access to it.", code="model_not_found", param="model"
    )


def _usable(gateway: Gateway, key: Key) -> Iterable[Channel]:
    able = [one for one in gateway.configuration.channels() if one.enabled and not one.deleted and one.groups & key.groups]
    return sorted(able, key=lambda channel: -channel.priority)


def _served(channel: Channel, name: str) -> Offer | None:
    found = [served for op in _OPERATIONS if (served := serves(channel, name, op)) is not None]
    if not found:
        return None
    operations = {served.card.capabilities.op for served in found}
    created = int(channel.created_at.timestamp()) if channel.created_at else 0
    own = channel.prices.get(name)
    return Offer(
        name=name,
        card=found[0].card,
        op=operations.pop() if len(operations) == 1 else None,
        created=created,
        price=price_from_json(own) if own is not None else found[0].card.price,
        price_ratio=channel.price_ratio,
    )

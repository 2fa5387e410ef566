"""Which models may be asked for: every public name that a key's channels serve, as its first channel serves it."""

from collections.abc import Iterable
from decimal import Decimal

from app.domain.channels import Channel, Key
from app.domain.errors import NotFound
from app.domain.offers import Offer
from app.domain.prices import price_from_json
from app.domain.requests import Operation
from app.engine.configuration import Configuration, public_names, serves
from app.engine.plan import group_ratio

_OPERATIONS: tuple[Operation, ...] = ("video", "image")


def offers(configuration: Configuration, key: Key) -> dict[str, Offer]:
    """The models that are listed for this key by name, each as the channel serves it that would be asked first."""
    found: dict[str, Offer] = {}
    for channel in _usable(configuration, key):
        for name in public_names(channel):
            if name not in found and key.may_use(name):
                offer = _offered(configuration, channel, name, key)
                if offer is not None:
                    found[name] = offer
    return found


def offer_of(configuration: Configuration, key: Key, name: str) -> Offer:
    """A model by its name; raises NotFound. Names that only an open catalogue takes are known too, though nobody lists them."""
    listed = offers(configuration, key).get(name)
    if listed is not None:
        return listed
    if key.may_use(name):
        for channel in _usable(configuration, key):
            offer = _offered(configuration, channel, name, key)
            if offer is not None:
                return offer
    raise NotFound(
        f"The model {name[:200]!r} does not exist, or this key has no access to it.", code="model_not_found", param="model"
    )


def offer_on(channel: Channel, name: str, ratio: Decimal = Decimal(1)) -> Offer | None:
    """A model as this channel serves it, or None; `ratio` is the price ratio beside the channel's own."""
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
        price_ratio=channel.price_ratio * ratio,
    )


def _offered(configuration: Configuration, channel: Channel, name: str, key: Key) -> Offer | None:
    return offer_on(channel, name, group_ratio(channel, key, configuration.ratios()))


def _usable(configuration: Configuration, key: Key) -> Iterable[Channel]:
    able = [one for one in configuration.channels() if one.enabled and not one.deleted and one.groups & key.groups]
    return sorted(able, key=lambda channel: -channel.priority)

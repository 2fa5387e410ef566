"""Models as people choose among them: what each can do and costs, who serves it, and what nobody serves yet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from app.adapters.registry import adapters, catalogue
from app.domain.channels import Channel, Key
from app.domain.offers import Offer
from app.engine.configuration import Configuration, public_names
from app.engine.offers import offer_on, offers


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price, ratios included: USD per `unit` by tariff key ("720p", "*"). `unit` None: nobody set one, it costs nothing."""

    unit: str | None = None
    usd: tuple[tuple[str, Decimal], ...] = ()

    @classmethod
    def of(cls, offer: Offer) -> "Tariff":
        """What an offer costs."""
        if offer.price is None:
            return cls()
        return cls(offer.price.unit, tuple((key, rate * offer.price_ratio) for key, rate in offer.price.usd.items()))


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model under every name that means exactly this.

    `channels` would be asked in this order, the paused ones last; `tariffs` are their prices, each with the channels that take it.
    `adapters` could serve a model that no channel serves.
    """

    offer: Offer
    aliases: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    tariffs: tuple[tuple[Tariff, tuple[Channel, ...]], ...] = ()
    adapters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that it is listed under."""
        return self.offer.name

    @property
    def usable(self) -> bool:
        """Whether somebody serves it now."""
        return not self.adapters and (not self.channels or any(channel.enabled for channel in self.channels))

    def fits(self, text: str, kind: str, mode: str) -> bool:
        """Whether it has this text in a name, and is or may be what the others say; empty words ask for nothing."""
        wanted = text.lower()
        return any(wanted in name.lower() for name in (self.name, *self.aliases)) and self.offer.fits(kind, mode)


def rows_of_key(configuration: Configuration, key: Key) -> list[ModelRow]:
    """What a key may use, without who serves it, which is the operator's business."""
    return _grouped(
        ModelRow(offer, tariffs=((Tariff.of(offer), ()),), adapters=()) for offer in offers(configuration, key).values()
    )


def rows_of_channels(configuration: Configuration) -> list[ModelRow]:
    """Every name that a channel serves, or would serve if it were not paused."""
    serving: dict[str, list[tuple[Channel, Offer]]] = defaultdict(list)
    for channel in _in_order(configuration):
        for name in public_names(channel):
            offer = offer_on(channel, name)
            if offer is not None:
                serving[name].append((channel, offer))
    return _grouped(
        ModelRow(found[0][1], channels=tuple(channel for channel, _ in found), tariffs=_tariffs(found))
        for found in serving.values()
    )


def rows_of_nobody(configuration: Configuration) -> list[ModelRow]:
    """The models of the data files of which no channel serves any name."""
    served = {name for channel in _in_order(configuration) for name in public_names(channel)}
    rows: dict[str, ModelRow] = {}
    for adapter in sorted(adapters()):
        for card in catalogue(adapter).cards:
            if served.isdisjoint((card.name, *card.aliases)):
                offer = Offer(card.name, card, card.capabilities.op, 0, card.price)
                known = rows.get(card.name) or ModelRow(offer, card.aliases, tariffs=((Tariff.of(offer), ()),))
                rows[card.name] = replace(known, adapters=(*known.adapters, adapter))
    return sorted(rows.values(), key=place)


def takes_any_name(configuration: Configuration) -> list[Channel]:
    """The channels that pass on names that nobody lists."""
    return [one for one in _in_order(configuration) if one.models == "*" and adapters()[one.adapter].open_catalogue]


def place(row: ModelRow) -> tuple[str, str]:
    """What rows are sorted by."""
    return row.name.lower(), row.name


def _in_order(configuration: Configuration) -> Sequence[Channel]:
    known = [channel for channel in configuration.channels() if not channel.deleted]
    return sorted(known, key=lambda channel: (not channel.enabled, -channel.priority, channel.name))


def _tariffs(found: Sequence[tuple[Channel, Offer]]) -> tuple[tuple[Tariff, tuple[Channel, ...]], ...]:
    by_tariff: dict[Tariff, tuple[Channel, ...]] = {}
    for channel, offer in found:
        tariff = Tariff.of(offer)
        by_tariff[tariff] = (*by_tariff.get(tariff, ()), channel)
    return tuple(by_tariff.items())


def _grouped(rows: Iterable[ModelRow]) -> list[ModelRow]:
    """One row for all names of the same model on the same channels at the same price, under the data file's own name."""
    together: Mapping[object, list[ModelRow]] = defaultdict(list)
    for row in rows:
        card = row.offer.card
        same = (id(card), tuple(one.id for one in row.channels), tuple(tariff for tariff, _ in row.tariffs))
        together[same if card.listed else row.name].append(row)
    return sorted((_merged(alike) for alike in together.values()), key=place)


def _merged(rows: Sequence[ModelRow]) -> ModelRow:
    first = min(rows, key=lambda row: (row.name != row.offer.card.name, *place(row)))
    return replace(first, aliases=tuple(sorted(row.name for row in rows if row is not first)))

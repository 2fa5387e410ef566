"""Keys and channels in memory: authentication and routing never ask the database.

Every write to them bumps one counter in the database; each process looks at it once a second and reloads when it moved, so
that a change reaches every worker and machine within two seconds (CONTRACT §4).
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy.exc import SQLAlchemyError

from app.adapters.catalogue import Catalogue
from app.adapters.registry import adapters, catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Key
from app.domain.requests import Operation
from app.domain.routing import Served
from app.store import channels as channel_store
from app.store import groups as group_store
from app.store import keys as key_store
from app.store import revision
from app.store import settings as setting_store
from app.store.database import Database
from app.store.keys import hash_key
from app.store.secrets import Vault

ADMIN_KEY_SETTING = "admin_key_hash"
_INTERVAL = 1.0  # seconds between two looks at the counter
_MOST_SERVED = 10_000  # answers that are remembered
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _State:
    revision: int = -1
    keys: Mapping[str, Key] = field(default_factory=dict)  # by hash
    keys_by_id: Mapping[str, Key] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)  # by id, deleted ones too while jobs need them
    ratios: Mapping[str, Decimal] = field(default_factory=dict)  # by group
    admin_hash: str = ""
    served: dict[tuple[str, str, Operation, str | None], Served | None] = field(default_factory=dict)  # found out so far


class Configuration:
    """What this process knows of keys and channels."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._state = _State()

    async def refresh(self) -> None:
        """Reloads if something changed since the last look."""
        async with self._database.read() as connection:
            current = await revision.current(connection)
            if current == self._state.revision:
                return
            keys = await key_store.every(connection)
            self._state = _State(
                revision=current,
                keys={key.hash: key for key in keys},
                keys_by_id={key.id: key for key in keys},
                channels={channel.id: channel for channel in await channel_store.every(connection, self._vault)},
                ratios=await group_store.every(connection),
                admin_hash=await setting_store.get(connection, ADMIN_KEY_SETTING) or "",
            )

    async def watch(self, also: Callable[[], Awaitable[None]]) -> None:
        """Refreshes for ever, this and what `also` does; a database that is away for a while only delays news."""
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                await self.refresh()
                await also()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("configuration could not be refreshed: %s", error)

    def key(self, text: str) -> Key | None:
        """The key that a client showed, if we know it."""
        return self._state.keys.get(hash_key(text))

    def key_by_id(self, key_id: str) -> Key | None:
        """A key by its id."""
        return self._state.keys_by_id.get(key_id)

    def every_key(self) -> Iterable[Key]:
        """Every key."""
        return self._state.keys.values()

    def is_admin(self, text: str) -> bool:
        """Whether this is the admin key; an unset admin key matches nothing."""
        return bool(self._state.admin_hash) and hmac.compare_digest(hash_key(text), self._state.admin_hash)

    def admin_mark(self, length: int) -> str:
        """The beginning of the admin key's hash, by which a session knows the key that it was begun with."""
        return self._state.admin_hash[:length]

    def channel(self, channel_id: str) -> Channel | None:
        """A channel by its id, deleted ones included while a job still needs them."""
        return self._state.channels.get(channel_id)

    def channels(self) -> Iterable[Channel]:
        """Every channel."""
        return self._state.channels.values()

    def serves(self, channel: Channel, model: str, op: Operation, variant: str | None = None) -> Served | None:
        """`serves`, remembered until something changes."""
        state, name = self._state, (channel.id, model, op, variant)
        if state.channels.get(channel.id) is not channel:
            return serves(channel, model, op, variant)
        if name not in state.served:
            if len(state.served) >= _MOST_SERVED:  # clients may ask for any name
                state.served.clear()
            state.served[name] = serves(channel, model, op, variant)
        return state.served[name]

    def ratios(self) -> Mapping[str, Decimal]:
        """The price ratio of each group that has one other than 1."""
        return self._state.ratios


def serves(channel: Channel, model: str, op: Operation, variant: str | None = None) -> Served | None:
    """How this channel serves a public model name, or None.

    `"*"` leaves out what the vendor itself has retired, but only at the vendor's own address: a relay or a self-hosted
    server may well serve it. An umbrella name stands for the model that `variant` names.
    """
    models, adapter = catalogue(channel.adapter), adapters()[channel.adapter]
    if channel.models == "*":
        card = _variant(models, models.find(model, op), op, variant)
        if card is not None and not (card.retired and channel.base_url == adapter.base_url("")):
            return Served(card.upstream, card)
        return Served(model, models.open_card(op), named=False) if adapter.open_catalogue else None
    upstream = channel.models.get(model)
    if upstream is None:
        return None
    card = _variant(models, models.find(upstream, op), op, variant)
    if card is not None:
        return Served(card.upstream, card)
    return Served(upstream, models.find(model, op) or models.open_card(op))


def _variant(models: Catalogue, card: ModelCard | None, op: Operation, variant: str | None) -> ModelCard | None:
    """What an umbrella name stands for; the umbrella itself while that is not said or not known."""
    if card is None or not card.by_variant or variant is None:
        return card
    return models.find(variant, op) or card


def public_names(channel: Channel) -> Iterable[str]:
    """The model names that this channel is listed with."""
    if channel.models != "*":
        return channel.models
    own = channel.base_url == adapters()[channel.adapter].base_url("")
    cards = catalogue(channel.adapter).cards
    return [name for card in cards if not (card.retired and own) for name in (card.name, *card.aliases)]

"""What a key's channels make of a model name, as far as it decides how a vendor's body is read."""

from collections.abc import Iterator

from app.domain.channels import Key
from app.domain.requests import Operation
from app.domain.routing import Served
from app.engine.configuration import serves
from app.engine.gateway import Gateway

_OPERATIONS: tuple[Operation, ...] = ("image", "video")


def takes_field(gateway: Gateway, key: Key, model: str, op: Operation, name: str) -> bool:
    """Whether some channel's data says that the model knows this field of its vendor."""
    return any(name in (found.card.capabilities.vendor_fields or ()) for found in _served(gateway, key, model, op))


def makes_pictures(gateway: Gateway, key: Key, model: str) -> bool:
    """Whether the name is that of a model for pictures alone; a channel that takes any name says nothing about it."""
    pictures, films = (any(found.named for found in _served(gateway, key, model, op)) for op in _OPERATIONS)
    return pictures and not films


def _served(gateway: Gateway, key: Key, model: str, op: Operation) -> Iterator[Served]:
    for channel in gateway.configuration.channels():
        if channel.enabled and not channel.deleted and channel.groups & key.groups:
            found = serves(channel, model, op)
            if found is not None and found.card.capabilities.op == op:  # a name is also found under the other kind
                yield found

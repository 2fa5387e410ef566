"""The inputs in which a credential is written, made from what its adapter says that it must hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.adapters.base import Adapter

_LABELS = {
    "api_key": "API key",
    "access_key": "Access key",
    "secret_key": "Secret key",
    "session_token": "Session token",
    "service_account": "Service account (its JSON key)",
    "project": "Project",
    "location": "Location",
    "workspace": "Workspace id",
    "auth_scheme": "Word before the key in the Authorization header",
}
_ORDER = {name: place for place, name in enumerate(_LABELS)}
_JSON = frozenset({"service_account"})
_OPEN = frozenset({"project", "location", "workspace", "auth_scheme"})  # no secrets


@dataclass(frozen=True, slots=True)
class Field:
    """One input."""

    name: str
    label: str
    kind: Literal["secret", "json", "text"]
    required: bool


@dataclass(frozen=True, slots=True)
class Way:
    """One of the alternatives of which a credential is made."""

    label: Sequence[str]  # of its required fields
    fields: Sequence[Field]


def ways(adapter: Adapter) -> Sequence[Way]:
    """The alternatives of the adapter, in its order; none where it needs no credential."""
    return [_way(required, adapter.optional_credential_fields) for required in adapter.credential_fields if required]


def label(name: str) -> str:
    """A credential field's name for people."""
    return _LABELS.get(name, name)


def _way(required: frozenset[str], optional: frozenset[str]) -> Way:
    fields = [_field(name, True) for name in _ordered(required)] + [_field(name, False) for name in _ordered(optional - required)]
    return Way([field.label for field in fields if field.required], fields)


def _field(name: str, required: bool) -> Field:
    return Field(name, label(name), "json" if name in _JSON else "text" if name in _OPEN else "secret", required)


def _ordered(names: frozenset[str]) -> Sequence[str]:
    return sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))

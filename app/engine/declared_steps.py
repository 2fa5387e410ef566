"""What has to be done so that everything is as a file says: steps that can be shown, and then written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Channel, Key
from app.domain.json import Json, JsonObject
from app.engine.audit import Actor, changes_of
from app.engine.declared_tables import Table
from app.engine.masking import MASK
from app.store.secrets import Vault

Action: TypeAlias = Literal["create", "update", "delete"]
Kind: TypeAlias = Literal["group", "channel", "key"]

_IN_THE_FILE = {"set_fields": "overrides.set", "drop_fields": "overrides.drop"}
_UNSAID = ("name", "hint")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as the file says. `fields` is {field: {"from", "to"}} and holds no secret."""

    action: Action
    kind: Kind
    name: str
    fields: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pen:
    """What a step writes with: one transaction of `changing`, and who writes when."""

    connection: AsyncConnection
    vault: Vault
    now: datetime
    actor: Actor


@dataclass(frozen=True, slots=True)
class Written:
    """What a step made: its id, and the text of a key that nobody knows yet."""

    kind: Kind
    id: str
    name: str
    text: str | None = field(default=None, repr=False)


class Step(Protocol):
    """One change, already checked."""

    @property
    def change(self) -> Change:
        """What it changes, for people."""
        ...

    async def write(self, pen: Pen) -> Written | None:
        """Does it; None where nothing new was made."""
        ...


def shown(before: Key | Channel | None, after: Key | Channel, table: Table) -> dict[str, Json]:
    """What differs, by the file's own field names; of a new thing what the file says about it.

    Nothing of a credential is shown, nor of a field that took something from the environment.
    """
    named = {_IN_THE_FILE.get(name, name): change for name, change in changes_of(before, after).items() if name not in _UNSAID}
    if before is None:
        named = {name: change for name, change in named.items() if _field(name) in table.fields}
    if "credentials" in named:
        named["credentials"] = {"from": _stars(before), "to": _stars(after)}
    return {name: _hidden(change) if _field(name) in table.filled - {"credentials"} else change for name, change in named.items()}


def _field(name: str) -> str:
    return name.partition(".")[0]


def _stars(thing: Key | Channel | None) -> list[Json]:
    credentials = thing.credentials if isinstance(thing, Channel) else ()
    return [_starred(one.fields) for one in credentials if not one.retired]


def _starred(names: Iterable[str]) -> JsonObject:
    return dict.fromkeys(names, MASK)


def _hidden(change: Json) -> Json:
    sides = change if isinstance(change, Mapping) else {}
    return {side: None if value is None else MASK for side, value in sides.items()}

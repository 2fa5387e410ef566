"""Groups, channels and keys as a file declares them: all of it or nothing, and a second time nothing at all."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Channel, Key
from app.engine.audit import Actor
from app.engine.changes import changing
from app.engine.clock import Now
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.declared_channels import channel_steps, deleted_channel
from app.engine.declared_file import Declared
from app.engine.declared_groups import group_steps
from app.engine.declared_keys import Holders, deleted_key, key_steps
from app.engine.declared_steps import Change, Pen, Step
from app.engine.declared_tables import Table, by_name
from app.engine.guard import Guard
from app.store import channels as channel_store
from app.store import groups as group_store
from app.store import keys as key_store
from app.store import settings as setting_store
from app.store.database import Database
from app.store.secrets import Vault

APPLY = Actor("apply")
_MADE_SETTING = "made_by_apply"  # ids, as JSON
_Thing = TypeVar("_Thing", Channel, Key)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made just now, with its text, to be shown once."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was changed."""

    changes: tuple[Change, ...] = ()
    keys: tuple[NewKey, ...] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """What there is. `made` are the ids of the channels and keys that a file made earlier."""

    ratios: Mapping[str, Decimal]
    channels: Sequence[Channel]
    keys: Sequence[Key]
    admin_hash: str | None
    made: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done, and the ids of what goes by it."""

    steps: tuple[Step, ...]
    gone: frozenset[str]

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(step.change for step in self.steps)


@dataclass(frozen=True, slots=True)
class DeclarationDesk:
    """Compares files with what there is, and makes them true. Other processes see a change within two seconds (CONTRACT §4).

    `guard` says where webhooks may be sent.
    """

    database: Database
    vault: Vault
    guard: Guard
    now: Now
    actor: Actor = APPLY

    async def difference(self, file: Declared, *, prune: bool = False) -> tuple[Change, ...]:
        """What `apply` would change; writes nothing. Raises InvalidRequest naming the place in the file that is wrong."""
        async with self.database.read() as connection:
            held = await _held(connection, self.vault)
        return _plan(file, held, prune, self.guard, self.now()).changes

    async def apply(self, file: Declared, *, prune: bool = False) -> Applied:
        """Makes the file true in one transaction, or raises InvalidRequest and changes nothing.

        What the file does not name stays as it is; with `prune` those channels and keys go that a file made earlier.
        """
        if not await self.difference(file, prune=prune):
            return Applied()  # not even the counter of changes moves
        async with changing(self.database) as connection:
            now, held = self.now(), await _held(connection, self.vault)
            plan = _plan(file, held, prune, self.guard, now)  # again: what was checked must still hold when it is written
            pen = Pen(connection, self.vault, now, self.actor)
            written = [made for step in plan.steps if (made := await step.write(pen)) is not None]
            await _remember(connection, held.made, held.made.union(made.id for made in written) - plan.gone)
        return Applied(plan.changes, tuple(NewKey(made.name, made.text) for made in written if made.text is not None))


def _plan(file: Declared, held: _Held, prune: bool, guard: Guard, now: datetime) -> _Plan:
    """Every check of the file is made here, before the first step is written; what goes goes first."""
    channels = _unnamed(held.channels, held.made, file.channels) if prune else []
    keys = _unnamed(held.keys, held.made, file.keys) if prune else []
    staying = [key for key in held.keys if key not in keys]
    names = {key.hash: f"the key {key.name!r}" for key in staying}
    if held.admin_hash is not None:
        names[held.admin_hash] = "the admin key"
    steps: tuple[Step, ...] = (
        *(deleted_channel(channel) for channel in channels),
        *(deleted_key(key) for key in keys),
        *group_steps(file.groups, held.ratios),
        *channel_steps(file.channels, held.channels),
        *key_steps(file.keys, staying, Holders(names), guard, now),
    )
    return _Plan(steps, frozenset([*(channel.id for channel in channels), *(key.id for key in keys)]))


def _unnamed(held: Iterable[_Thing], made: frozenset[str], tables: Iterable[Table]) -> list[_Thing]:
    named = by_name(tables)
    return [thing for thing in held if thing.id in made and thing.name not in named]


async def _held(connection: AsyncConnection, vault: Vault) -> _Held:
    return _Held(
        ratios=await group_store.every(connection),
        channels=[channel for channel in await channel_store.every(connection, vault) if not channel.deleted],
        keys=await key_store.every(connection),
        admin_hash=await setting_store.get(connection, ADMIN_KEY_SETTING),
        made=frozenset(json.loads(await setting_store.get(connection, _MADE_SETTING) or "[]")),
    )


async def _remember(connection: AsyncConnection, before: frozenset[str], after: frozenset[str]) -> None:
    if after != before:
        await setting_store.put(connection, _MADE_SETTING, json.dumps(sorted(after)))

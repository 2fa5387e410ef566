"""`[[keys]]` of a file: what each becomes, and what is to be done for it."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.channels import Key
from app.domain.ids import RANDOM_BYTES, new_id
from app.domain.json import Json
from app.domain.money import MICRO
from app.domain.normalise.sources import web_address
from app.domain.normalise.values import boolean, integer, one_of, trimmed, wrong_value
from app.engine import audit
from app.engine.callback_urls import check_callback
from app.engine.declared_steps import Change, Pen, Written, shown
from app.engine.declared_tables import Table, by_name, read_fields
from app.engine.declared_values import (
    NAME,
    dollars,
    groups,
    key_models,
    moment,
    network,
    optional,
    several,
)
from app.engine.guard import Guard
from app.engine.keys import insert, store_new
from app.engine.masking import MASK
from app.store import keys as key_store
from app.store.keys import hash_key

_TEXT = re.compile(r"[!-~]{32,500}")  # what a header can carry, and nobody guesses
_HINT = 7  # characters of a key that are kept to recognise it by, as of one that we make


def _text(value: Json, name: str) -> str:
    found = trimmed(500)(value, name)
    if _TEXT.fullmatch(found) is None:
        raise wrong_value(name, "must have at least 32 characters, ASCII and without blanks")
    return found


_READINGS = {
    "name": NAME,
    "key": _text,
    "groups": groups,
    "models": key_models,
    "expires_at": optional(moment),
    "strict": boolean,
    "allowed_ips": several(network, 0, 1_000),
    "rpm": optional(integer(1, 1_000_000)),
    "max_concurrency": optional(integer(1, 1_000_000)),
    "budget_usd": optional(dollars),
    "budget_period": one_of("total", "day", "month"),
    "allow_unpriced": boolean,
    "store_prompts": boolean,
    "keep_results": optional(boolean),
    "callback_url": optional(web_address),
    "enabled": boolean,
}


@dataclass(frozen=True, slots=True)
class KeyStep:
    """Makes a key (`held` is None), changes it, or ends it (`wanted` is None).

    A new key without a `hash` gets a text of its own, which `write` returns.
    """

    change: Change
    held: Key | None
    wanted: Key | None

    async def write(self, pen: Pen) -> Written | None:
        """Does it."""
        if self.held is None and self.wanted is not None:
            return await _made(pen, self.wanted)
        if self.held is not None and self.wanted is not None:
            await _changed(pen, self.held, self.wanted)
        elif self.held is not None:
            await key_store.delete_one(pen.connection, self.held.id)
            await audit.write_change(pen.connection, pen.actor, pen.now, self.held, None)
        return None


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has which key text, by its hash."""

    names: Mapping[str, str]
    given: dict[str, str] = field(default_factory=dict)

    def give(self, shown: str, name: str, held: Key | None) -> None:
        """Notes that this key wants this text; raises InvalidRequest when another one has or wants it."""
        mine = held is not None and held.hash == shown
        other = self.given.get(shown) or (None if mine else self.names.get(shown))
        if other is not None:
            raise wrong_value("key", f"is the text of {other}")
        self.given[shown] = f"the key {name!r}"


def key_steps(tables: Iterable[Table], held: Iterable[Key], holders: Holders, guard: Guard, now: datetime) -> Iterator[KeyStep]:
    """A step for each key that is not as the file says; raises InvalidRequest naming the place in the file."""
    known: dict[str, list[Key]] = defaultdict(list)
    for key in held:
        known[key.name].append(key)
    for name, table in by_name(tables).items():
        with table.placed():
            same = known.get(name, [])
            if len(same) > 1:
                raise wrong_value("name", f"is the one of several keys: {', '.join(key.id for key in same)}")
            step = _step(table, same[0] if same else None, holders, guard, now)
        if step is not None:
            yield step


def deleted_key(key: Key) -> KeyStep:
    """The step that ends a key for good."""
    return KeyStep(Change("delete", "key", key.name), key, None)


def _step(table: Table, held: Key | None, holders: Holders, guard: Guard, now: datetime) -> KeyStep | None:
    wanted = _wanted(table, held, holders)
    if wanted == held:
        return None
    if held is None and wanted.expires_at is not None and wanted.expires_at <= now:
        raise wrong_value("expires_at", "lies in the past")
    if wanted.callback_url is not None and (held is None or wanted.callback_url != held.callback_url):
        check_callback(wanted.callback_url, guard, "callback_url")
    fields = shown(held, wanted, table)
    if wanted.hash and (held is None or wanted.hash != held.hash):
        fields["key"] = {"from": None if held is None else MASK, "to": MASK}
    return KeyStep(Change("create" if held is None else "update", "key", wanted.name, fields), held, wanted)


def _wanted(table: Table, held: Key | None, holders: Holders) -> Key:
    given = read_fields(table, _READINGS)
    text = given.pop("key", None)
    if text is not None:
        holders.give(hash_key(text), given["name"], held)
        given |= {"hash": hash_key(text), "hint": text[:_HINT]}
    if "budget_usd" in given:
        budget = given.pop("budget_usd")
        given["budget"] = None if budget is None else int(budget * MICRO)
    if "allowed_ips" in given:
        given["allowed_ips"] = tuple(given["allowed_ips"])
    return replace(held or Key(id="", name="", hash=""), **given)


async def _made(pen: Pen, wanted: Key) -> Written:
    if not wanted.hash:
        new = await insert(pen.connection, pen.vault, wanted, pen.now, pen.actor)
        return Written("key", new.key.id, new.key.name, new.text)
    made_id = new_id("key", int(pen.now.timestamp() * 1000), os.urandom(RANDOM_BYTES))
    made = replace(wanted, id=made_id, created_at=pen.now)
    await store_new(pen.connection, pen.vault, made)
    await audit.write_change(pen.connection, pen.actor, pen.now, None, made)
    return Written("key", made.id, made.name)


async def _changed(pen: Pen, held: Key, wanted: Key) -> None:
    await key_store.update_one(pen.connection, wanted)
    changes = audit.changes_of(held, wanted)
    if wanted.hash != held.hash:
        changes["key"] = {"from": MASK, "to": MASK}  # the hint may well be the same
    await audit.write(pen.connection, pen.actor, pen.now, "update", "key", wanted.id, wanted.name, changes)

"""The audit log: every change of what operators manage, in the transaction that makes it, without a secret."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.channels import Channel, Credential, Key
from app.domain.ids import RANDOM_BYTES, new_id
from app.domain.json import Json, JsonObject
from app.domain.money import usd
from app.engine.masking import masked
from app.engine.redaction import redact, secrets_of
from app.engine.views import seconds
from app.store import audit as audit_store
from app.store.audit import AuditLine
from app.store.database import Database

_UNSAID = ("id", "hash", "created_at", "deleted", "credentials")  # `hash` stands for the key; credentials are shown masked
_USD = {"budget": "budget_usd"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change, and the request by which: `admin` over HTTP, else one of those below."""

    name: str
    request_id: str | None = None


COMMAND_LINE = Actor("command line")
ENVIRONMENT = Actor("environment")


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """Reads the audit log; nothing changes it."""

    database: Database

    async def page(
        self,
        *,
        kind: str | None = None,
        subject: str | None = None,
        action: str | None = None,
        before: str | None = None,
        limit: int,
    ) -> Sequence[dict[str, Json]]:
        """At most `limit` lines as operators see them, the newest first, older than the line `before`."""
        async with self.database.read() as connection:
            found = await audit_store.page(connection, kind=kind, subject=subject, action=action, before=before, limit=limit)
        return [_view(line) for line in found]


async def write(
    connection: AsyncConnection,
    actor: Actor,
    now: datetime,
    action: str,
    kind: str,
    subject: str,
    name: str,
    changes: JsonObject,
) -> None:
    """Adds a line, in the transaction of the change itself. `changes` is {field: {"from", "to"}} and holds no secret by now."""
    made_id = new_id("audit", int(now.timestamp() * 1000), os.urandom(RANDOM_BYTES))
    line = AuditLine(
        id=made_id,
        at=now,
        actor=actor.name,
        action=action,
        kind=kind,
        subject=subject,
        name=redact(name),
        changes=changes,
        request_id=actor.request_id or None,
    )
    await audit_store.insert_one(connection, line)


async def write_change(
    connection: AsyncConnection, actor: Actor, now: datetime, before: Key | Channel | None, after: Key | Channel | None
) -> None:
    """Adds the line of a key or channel that was made (`before` is None), changed or deleted (`after` is None).

    A change that leaves everything as it was has no line.
    """
    changes, subject = changes_of(before, after), after or before
    if subject is None or (before and after and not changes):
        return
    action = "create" if before is None else "delete" if after is None else "update"
    kind = "key" if isinstance(subject, Key) else "channel"
    await write(connection, actor, now, action, kind, subject.id, subject.name, changes)


def changes_of(before: Key | Channel | None, after: Key | Channel | None) -> dict[str, Json]:
    """What differs, by field: {"from": …, "to": …}; of names with values (models, prices) only those that differ.

    Credentials are masked, and taken out of every other field, where they may stand by mistake.
    """
    old, new = _picture(before), _picture(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    plain = {name: _difference(old.get(name), new.get(name)) for name in names}
    held, wanted = _credentials(before), _credentials(after)
    secrets = [text for credential in (*held, *wanted) for text in secrets_of(credential)]
    changes = dict(redact(plain, secrets))
    if held != wanted:
        changes["credentials"] = {"from": _shown(held), "to": _shown(wanted)}
    return changes


def _picture(thing: Key | Channel | None) -> dict[str, Json]:
    if thing is None:
        return {}
    said = {field.name: getattr(thing, field.name) for field in fields(thing) if field.name not in _UNSAID}
    return {_USD.get(name, name): _money(value) if name in _USD else _plain(value) for name, value in said.items()}


def _credentials(thing: Key | Channel | None) -> tuple[Credential, ...]:
    """Those that are in use."""
    return tuple(one for one in thing.credentials if not one.retired) if isinstance(thing, Channel) else ()


def _shown(credentials: Sequence[Credential]) -> list[Json]:
    return [masked(credential) for credential in credentials]


def _difference(old: Json, new: Json) -> JsonObject:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        changed = {name for name in {**old, **new} if (name in old, old.get(name)) != (name in new, new.get(name))}
        old, new = ({name: value for name, value in side.items() if name in changed} for side in (old, new))
    return {"from": old, "to": new}


def _plain(value: object) -> Json:
    """A field's value as JSON: sets in order, times in Unix seconds."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        return seconds(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bool | int | float | str | Mapping | tuple) or value is None:
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _money(micros: object) -> Json:
    return usd(micros) if isinstance(micros, int) else None


def _view(line: AuditLine) -> dict[str, Json]:
    return {
        "id": line.id,
        "at": seconds(line.at),
        "actor": line.actor,
        "action": line.action,
        "kind": line.kind,
        "subject": line.subject,
        "name": line.name,
        "changes": line.changes,
        "request_id": line.request_id,
    }

"""Who changed what: lines that are only ever added."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping, Select, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.json import JsonObject
from app.store.tables import audit

_NAMES = ("id", "at", "actor", "action", "kind", "subject", "name", "changes", "request_id")
_INSERT = insert(audit)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One change: `actor` did `action` to the `kind` of thing with the id `subject`. `changes` holds no secret; `at` is UTC."""

    id: str
    at: datetime
    actor: str
    action: str
    kind: str
    subject: str
    name: str
    changes: JsonObject = field(default_factory=dict)
    request_id: str | None = None


async def insert_one(connection: AsyncConnection, line: AuditLine) -> None:
    """Adds a line."""
    row = {name: getattr(line, name) for name in _NAMES}
    await connection.execute(_INSERT, row | {"changes": line.changes or None})


async def page(
    connection: AsyncConnection,
    *,
    kind: str | None = None,
    subject: str | None = None,
    action: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[AuditLine]:
    """At most `limit` lines, the newest first, older than the line `before`."""
    wanted = ((audit.c.kind, kind), (audit.c.subject, subject), (audit.c.action, action))
    query: Select[tuple[object, ...]] = select(audit).order_by(audit.c.number.desc()).limit(limit)
    query = query.where(*(column == value for column, value in wanted if value is not None))
    if before is not None:
        query = query.where(audit.c.number < select(audit.c.number).where(audit.c.id == before).scalar_subquery())
    return [_line(row) for row in (await connection.execute(query)).mappings()]


def _line(row: RowMapping) -> AuditLine:
    return AuditLine(**{name: row[name] for name in _NAMES} | {"changes": row["changes"] or {}})

"""Lines about changes: added, read from the newest on, never changed."""

from dataclasses import fields, replace

import pytest

from app.store import audit
from app.store.audit import AuditLine
from app.store.database import Database
from tests.store.samples import NOW, SECOND

pytestmark = pytest.mark.anyio


def line(number: int, *, kind: str = "key", action: str = "update", subject: str = "key_1") -> AuditLine:
    return AuditLine(
        id=f"audit_{number:03}",
        at=NOW + number * SECOND,
        actor="admin",
        action=action,
        kind=kind,
        subject=subject,
        name="boats ⛵",
        changes={"rpm": {"from": None, "to": number}},
        request_id=f"req_{number}",
    )


async def write(database: Database, *lines: AuditLine) -> None:
    async with database.write() as connection:
        for one in lines:
            await audit.insert_one(connection, one)


async def ids(database: Database, limit: int = 100, **wanted: str) -> list[str]:
    async with database.read() as connection:
        return [one.id for one in await audit.page(connection, limit=limit, **wanted)]


async def test_every_field_of_a_line_comes_back(database: Database) -> None:
    given = line(1)
    assert all(getattr(given, field.name) for field in fields(AuditLine))
    bare = replace(given, id="audit_002", changes={}, request_id=None)
    await write(database, given, bare)
    async with database.read() as connection:
        assert await audit.page(connection) == [bare, given]


async def test_a_page_turns_by_id_while_new_lines_arrive(database: Database) -> None:
    await write(database, *(line(number) for number in range(5)))
    assert await ids(database, limit=2) == ["audit_004", "audit_003"]
    await write(database, line(5))
    assert await ids(database, limit=2, before="audit_003") == ["audit_002", "audit_001"]
    assert await ids(database, before="audit_000") == []
    assert await ids(database, before="nobody's") == []


async def test_lines_are_found_by_what_they_are_about(database: Database) -> None:
    await write(database, line(1), line(2, kind="channel", subject="ch_1"), line(3, action="delete"), line(4, subject="key_2"))
    assert await ids(database, kind="channel") == ["audit_002"]
    assert await ids(database, subject="key_1") == ["audit_003", "audit_001"]
    assert await ids(database, action="delete", kind="key") == ["audit_003"]
    assert await ids(database, kind="key", before="audit_003") == ["audit_001"]
    assert await ids(database, kind="moon") == []

"""Statements that are executed over and over: the second time they are prepared, and do what they did the first time."""

import gc
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Select, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.database import Database
from app.store.prepared import Outcome, Statements
from app.store.rows import new_row
from app.store.tables import attempts, groups, jobs, settings, usage
from tests.store.samples import attempt, full_job, job
from tests.store.test_jobs import insert as insert_jobs

pytestmark = pytest.mark.anyio
_PUT, _ATTEMPT, _PRICE = insert(settings), insert(attempts), insert(groups)
_CHANGE = update(settings).where(settings.c.name == bindparam("which")).values(value=bindparam("wanted"))
_DIALECT = sqlite.dialect()


async def test_the_third_execution_does_what_the_first_did(database: Database) -> None:
    async def changed(connection: AsyncConnection) -> list[int]:
        for name in ("one", "two", "three"):
            await connection.execute(_PUT, {"name": name, "value": "before"})
        given = ({"which": name, "wanted": f"after {name}"} for name in ("one", "two", "three", "four"))
        return [(await connection.execute(_CHANGE, values)).rowcount for values in given]

    assert await database.commit(changed) == [1, 1, 1, 0]
    async with database.read() as connection:
        found = (await connection.execute(select(settings.c.name, settings.c.value))).all()
    assert {("one", "after one"), ("two", "after two"), ("three", "after three")} <= {tuple(row) for row in found}


async def test_errors_are_the_library_s_without_the_values(database: Database) -> None:
    async def put(connection: AsyncConnection) -> None:
        await connection.execute(_PUT, {"name": "same", "value": "secret-value"})

    await database.commit(put)
    for _ in range(3):
        with pytest.raises(IntegrityError) as caught:
            await database.commit(put)
        assert "secret-value" not in str(caught.value)


async def test_every_kind_of_column_is_written_as_the_library_writes_it(database: Database) -> None:
    """Rows of the first execution (the library's) and of the third one (prepared) read the same."""
    await insert_jobs(database, job())
    for number in (1, 2, 3):
        one = attempt(job(), number)
        row = {column.name: getattr(one, column.name) for column in attempts.columns}

        async def put(connection: AsyncConnection, row: dict[str, Any] = row) -> None:
            await connection.execute(_ATTEMPT, row)
            await connection.execute(_PRICE, {"name": f"group {row['number']}", "price_ratio": Decimal("1.10")})

        await database.commit(put)
    async with database.read() as connection:
        rows = [dict(row) for row in (await connection.execute(select(attempts))).mappings()]
        ratios = (await connection.execute(select(groups.c.price_ratio))).scalars().all()
    assert [row | {"number": 0} for row in rows] == [rows[0] | {"number": 0}] * 3
    assert list(ratios) == [Decimal("1.10")] * 3


def test_what_the_compiler_alone_cannot_do_is_left_to_the_library() -> None:
    known = Statements()
    many = delete(jobs).where(jobs.c.id.in_(bindparam("ids", expanding=True)))
    typed = insert(jobs).returning(jobs.c.created_at)
    for statement, values in ((many, {"ids": ["a"]}), (typed, {"id": "x"}), (_PUT, [{"name": "x"}])):
        assert [known.of(statement, values, _DIALECT) for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize(
    "question",
    [
        select(jobs).where(jobs.c.id.in_(bindparam("id", expanding=True))),
        select(jobs.c.id, attempts.c.number, jobs.c.number),  # two of one name
        select(jobs.c.id, func.count()),  # one without a name
        select(usage.c.seconds),  # how this is read depends on what the driver says
    ],
)
def test_a_question_that_needs_more_is_left_to_the_library(question: Select[Any]) -> None:
    known = Statements()
    assert [known.of(question, {"id": "x"}, _DIALECT) for _ in range(3)] == [None, None, None]


async def test_a_prepared_question_is_answered_as_the_library_answers(database: Database) -> None:
    await insert_jobs(database, full_job())
    of_id = select(jobs).where(jobs.c.id == bindparam("which"))

    async def rows(connection: AsyncConnection) -> list[dict[str, Any]]:
        found = [await connection.execute(of_id, {"which": full_job().id}) for _ in range(3)]
        assert (await connection.execute(of_id, {"which": "another"})).first() is None
        return [dict(result.mappings().one()) for result in found]

    first, second, third = await database.ask(rows)
    assert first == second == third
    assert (first["id"], first["created_at"]) == (full_job().id, full_job().created_at)


def test_only_what_is_executed_again_is_prepared() -> None:
    known = Statements()
    values = {"name": "x", "value": "y"}
    assert known.of(_PUT, values, _DIALECT) is None
    assert known.of(_PUT, values, _DIALECT) is known.of(_PUT, values, _DIALECT) is not None


def test_what_was_made_for_one_execution_is_forgotten() -> None:
    known = Statements()
    assert known.of(_PUT, {"name": "x"}, _DIALECT) is None
    for _ in range(20):
        assert known.of(insert(settings), {"name": "x"}, _DIALECT) is None
    gc.collect()
    assert list(known._seen) == [_PUT]


def test_what_is_left_of_an_outcome() -> None:
    assert (Outcome([(1,)], 1).scalar_one_or_none(), Outcome([], 2).scalar_one_or_none()) == (1, None)


def test_a_full_job_is_prepared() -> None:
    known, statement = Statements(), insert(jobs)
    row = new_row(full_job())
    assert [known.of(statement, row, _DIALECT) is not None for _ in range(3)] == [False, True, True]

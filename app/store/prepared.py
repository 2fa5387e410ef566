"""The fast way for the few statements that are executed over and over: compiled once, bound and read by hand.

The library compiles once, too, but what it does around each execution takes several times as long as the driver does.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy import Column, Delete, Dialect, Executable, Float, Insert, Label, Numeric, Result, Select, Update
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Parameters: TypeAlias = Mapping[str, Any]
_Processor: TypeAlias = Callable[[Any], Any]


class Outcome:
    """What is asked of an executed change: how many rows it touched, and the one value that it returned."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Sequence[Any]], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def scalar_one_or_none(self) -> Any:
        """The first value of the only row; None without one."""
        return self._rows[0][0] if self._rows else None


class Prepared:
    """A statement as its driver takes it; raises Unfit for one that needs more of the library than its compiler."""

    def __init__(self, statement: Insert | Update | Delete | Select[Any], names: tuple[str, ...], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        if any(bind.expanding or bind.literal_execute for bind in compiled.binds.values()):
            raise Unfit
        if compiled.insert_prefetch or compiled.update_prefetch:
            raise Unfit
        self.sql = str(compiled)
        self.returns = bool(compiled.effective_returning)
        self._fixed = {name: value for name, value in compiled.params.items() if name not in names}
        self._names = tuple(compiled.positiontup or ())
        types = (compiled.binds[name].type.dialect_impl(dialect) for name in self._names)
        self._writers = _at_their_places(written.bind_processor(dialect) for written in types)

    def bound(self, parameters: Parameters) -> list[Any]:
        """The values in the order in which the statement names them, as the driver takes them."""
        given = {**self._fixed, **parameters} if self._fixed else parameters
        values = [given[name] for name in self._names]
        for place, written in self._writers:
            if values[place] is not None:
                values[place] = written(values[place])
        return values


class Change(Prepared):
    """An INSERT, UPDATE or DELETE; what it returns must need no translation."""

    def __init__(self, statement: Insert | Update | Delete, names: tuple[str, ...], dialect: Dialect) -> None:
        super().__init__(statement, names, dialect)
        self.table = statement.table
        if any(_reader(column.type, dialect) is not None for column in statement.exported_columns):
            raise Unfit

    def execute(self, driver: sqlite3.Connection, parameters: Parameters) -> Outcome:
        """Executes it on SQLite; raises the library's errors."""
        cursor = _executed(driver, self.sql, self.bound(parameters))
        return Outcome(cursor.fetchall() if cursor.description else [], cursor.rowcount)


class Question(Prepared):
    """A SELECT of columns that bear names."""

    def __init__(self, statement: Select[Any], names: tuple[str, ...], dialect: Dialect) -> None:
        super().__init__(statement, names, dialect)
        columns = list(statement.selected_columns)
        named = {column.name for column in columns if isinstance(column, Column | Label)}
        if len(named) < len(columns) or any(isinstance(column.type, Numeric | Float) for column in columns):
            raise Unfit
        self._metadata = SimpleResultMetaData([column.name for column in columns])
        self._readers = _at_their_places(_reader(column.type, dialect) for column in columns)

    def execute(self, driver: sqlite3.Connection, parameters: Parameters) -> Result[Any]:
        """Executes it on SQLite; raises the library's errors."""
        return self.read(_executed(driver, self.sql, self.bound(parameters)).fetchall())

    def read(self, rows: Iterable[Iterable[Any]]) -> Result[Any]:
        """What the library would have made of the driver's rows."""
        return IteratorResult(self._metadata, map(self._row, rows))

    def _row(self, row: Iterable[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, read in self._readers:
            if values[place] is not None:
                values[place] = read(values[place])
        return tuple(values)


class Unfit(Exception):  # not an error: the library executes the statement
    """The statement cannot be prepared."""


class Statements:
    """Those that have been prepared. One that is made anew for each execution is never seen twice, and so never prepared."""

    def __init__(self) -> None:
        # weakly: what was made for one execution is forgotten with it
        self._seen: WeakKeyDictionary[Executable, dict[tuple[str, ...], Change | Question | None]] = WeakKeyDictionary()

    def of(self, statement: Executable, parameters: Any, dialect: Dialect) -> Change | Question | None:
        """The statement as prepared; None where the library has to execute it."""
        if not isinstance(statement, Insert | Update | Delete | Select) or not isinstance(parameters, Mapping):
            return None
        known = self._seen.get(statement)
        if known is None:
            self._seen[statement] = {}  # worth it from the second time on
            return None
        names = tuple(parameters)
        if names not in known:
            known[names] = _prepared(statement, names, dialect)
        return known[names]


def _prepared(
    statement: Insert | Update | Delete | Select[Any], names: tuple[str, ...], dialect: Dialect
) -> Change | Question | None:
    try:
        return Question(statement, names, dialect) if isinstance(statement, Select) else Change(statement, names, dialect)
    except Unfit:
        return None


def _at_their_places(processors: Iterable[_Processor | None]) -> list[tuple[int, _Processor]]:
    return [(place, processor) for place, processor in enumerate(processors) if processor is not None]


def _reader(type_: TypeEngine[Any], dialect: Dialect) -> _Processor | None:
    """What turns the driver's value into ours; None where it is ours already."""
    return type_.dialect_impl(dialect).result_processor(dialect, None)


def _executed(driver: sqlite3.Connection, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
    try:
        return driver.execute(sql, values)
    except sqlite3.Error as error:
        raise DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True) from error

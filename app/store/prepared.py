"""SQLite's fast way for the few statements that are executed over and over: compiled once, bound by hand.

The library compiles once, too, but what it does around each execution takes several times as long as SQLite does.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Delete, Dialect, Executable, Insert, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Parameters: TypeAlias = Mapping[str, Any]
_Writer: TypeAlias = Callable[[Any], Any]
_MOST = 500  # statements that are remembered


class Outcome:
    """What is asked of an executed change: how many rows it touched, and the one value that it returned."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount = cursor.rowcount

    def scalar_one_or_none(self) -> Any:
        """The first value of the only row; None without one."""
        return self._rows[0][0] if self._rows else None


class Prepared:
    """A change as SQLite takes it; raises Unfit for one that needs more of the library than its compiler."""

    def __init__(self, statement: Insert | Update | Delete, names: tuple[str, ...], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        if compiled.insert_prefetch or compiled.update_prefetch or any(bind.expanding for bind in compiled.binds.values()):
            raise Unfit
        if any(_reader(column.type, dialect) is not None for column in statement.exported_columns):
            raise Unfit
        self._sql = str(compiled)
        self._fixed = {name: value for name, value in compiled.params.items() if name not in names}
        self._names = tuple(compiled.positiontup or ())
        writers = [compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in self._names]
        self._writers: list[tuple[int, _Writer]] = [(place, writer) for place, writer in enumerate(writers) if writer is not None]

    def execute(self, driver: sqlite3.Connection, parameters: Parameters) -> Outcome:
        """Executes it; raises the library's errors."""
        try:
            return Outcome(driver.execute(self._sql, self._bound(parameters)))
        except sqlite3.Error as error:
            raise DBAPIError.instance(self._sql, None, error, sqlite3.Error, hide_parameters=True) from error

    def _bound(self, parameters: Parameters) -> list[Any]:
        given = {**self._fixed, **parameters} if self._fixed else parameters
        values = [given[name] for name in self._names]
        for place, written in self._writers:
            if values[place] is not None:
                values[place] = written(values[place])
        return values


class Unfit(Exception):  # not an error: the library executes the statement
    """The statement cannot be prepared."""


class Statements:
    """Those that have been prepared. One that is made anew for each execution is never seen twice, and so never prepared."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Executable, tuple[str, ...]], Prepared | bool] = {}

    def of(self, statement: Executable, parameters: Any, dialect: Dialect) -> Prepared | None:
        """The statement as prepared; None where the library has to execute it."""
        if not isinstance(statement, Insert | Update | Delete) or not isinstance(parameters, Mapping):
            return None
        place = (statement, tuple(parameters))
        found = self._seen.get(place)
        if found is None:
            if len(self._seen) >= _MOST:
                self._seen.clear()
            self._seen[place] = True  # worth it from the second time on
            return None
        if found is True:
            try:
                found = Prepared(statement, place[1], dialect)
            except Unfit:
                found = False
            self._seen[place] = found
        return found if isinstance(found, Prepared) else None


def _reader(type_: TypeEngine[Any], dialect: Dialect) -> object:
    """What turns SQLite's value into ours; None where it is ours already."""
    return type_.dialect_impl(dialect).result_processor(dialect, None)

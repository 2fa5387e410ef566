"""The tables of a file: where each stands, what it is called, and its fields."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.domain.errors import InvalidRequest
from app.domain.json import JsonObject
from app.domain.normalise.values import Reading, wrong_value
from app.engine.declared_values import NAME
from app.engine.redaction import redact


@dataclass(frozen=True, slots=True)
class Table:
    """One `[[…]]` of the file; `position` is where, as in `channels[2]` (counted from 0).

    `filled` are the fields that hold something of the environment, `secrets` what the whole file took from there.
    """

    position: str
    fields: JsonObject = field(repr=False)
    filled: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @contextmanager
    def placed(self) -> Iterator[None]:
        """A refusal from inside the block names its place in the file, and nothing that came from the environment."""
        try:
            yield
        except InvalidRequest as error:
            place = self.position if error.param is None else f"{self.position}.{error.param}"
            raise InvalidRequest(redact(error.message, self.secrets), code=error.code, param=place) from error


def by_name(tables: Iterable[Table]) -> dict[str, Table]:
    """The tables by their `name`; raises InvalidRequest for one that has none, or that of another."""
    found: dict[str, Table] = {}
    for table in tables:
        with table.placed():
            _require(table, "name")
            name = NAME(table.fields["name"], "name")
            if name in found:
                raise wrong_value("name", f"is the one of {found[name].position}")
        found[name] = table
    return found


def read_fields(table: Table, readings: Mapping[str, Reading[Any]], required: Iterable[str] = ()) -> dict[str, Any]:
    """The fields as their readings understand them; raises InvalidRequest for a missing or an unknown one."""
    for name in required:
        _require(table, name)
    for name in table.fields:
        if name not in readings:
            raise InvalidRequest(f"`{name}` is not a known field.", code="unknown_parameter", param=name)
    return {name: readings[name](value, name) for name, value in table.fields.items()}


def _require(table: Table, name: str) -> None:
    if name not in table.fields:
        raise InvalidRequest(f"`{name}` is missing.", code="missing_required_parameter", param=name)

"""A file of groups, channels and keys: TOML, whose texts may take values from the environment."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time

from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.normalise.guard import DEEPEST, check_value
from app.domain.normalise.values import wrong_type, wrong_value
from app.engine.declared_tables import Table

_KINDS = ("groups", "channels", "keys")
_VARIABLE = re.compile(r"\$(\$?)\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a file says."""

    groups: tuple[Table, ...] = ()
    channels: tuple[Table, ...] = ()
    keys: tuple[Table, ...] = ()


def read_declared(text: str, environ: Mapping[str, str]) -> Declared:
    """The tables of a file with `${NAME}` replaced by the environment's value (`$${` stands for `${` itself).

    Raises InvalidRequest naming the place: for what is no TOML, an unknown kind of table, a variable that is not set.
    """
    found = _parsed(text)
    for name in found:
        if name not in _KINDS:
            kinds = ", ".join(f"[[{kind}]]" for kind in _KINDS)
            raise InvalidRequest(f"`{name}` is not known; a file has {kinds}.", code="unknown_parameter", param=name)
    filling = _Filling(environ)
    read = {kind: [filling.table(f"{kind}[{number}]", table) for number, table in _tables(found, kind)] for kind in _KINDS}
    secrets = tuple(sorted(filling.taken, key=len, reverse=True))
    return Declared(**{kind: tuple(Table(*parts, secrets) for parts in tables) for kind, tables in read.items()})


def _parsed(text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InvalidRequest("The file is nested too deeply.") from error
    except ValueError as error:
        raise InvalidRequest(f"The file is not TOML: {error}.") from error


def _tables(found: Mapping[str, object], kind: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    listed = found.get(kind, [])
    if not isinstance(listed, list):
        raise wrong_type(kind, f"written as [[{kind}]]")
    for number, table in enumerate(listed):
        if not isinstance(table, Mapping):
            raise wrong_type(f"{kind}[{number}]", f"written as [[{kind}]]")
        yield number, table


class _Filling:
    """Makes JSON of TOML, and puts in what the environment holds; remembers what that was."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.taken: set[str] = set()
        self._environ = environ
        self._fillings = 0

    def table(self, position: str, table: Mapping[str, object]) -> tuple[str, JsonObject, frozenset[str]]:
        """Position, fields and the names of the filled ones."""
        fields: dict[str, Json] = {}
        filled: set[str] = set()
        for name, value in table.items():
            before, place = self._fillings, f"{position}.{name}"
            fields[name] = self._value(value, place, 0)
            check_value(fields[name], place)
            if self._fillings > before:
                filled.add(name)
        return position, fields, frozenset(filled)

    def _value(self, value: object, place: str, depth: int) -> Json:
        if depth > DEEPEST:
            raise wrong_value(place, "is nested too deeply")
        if isinstance(value, str):
            return _VARIABLE.sub(lambda found: self._variable(found, place), value)
        if isinstance(value, Mapping):
            return {name: self._value(item, f"{place}.{name}", depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, f"{place}[{number}]", depth + 1) for number, item in enumerate(value)]
        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, bool | int | float):
            return value
        raise wrong_type(place, "a TOML value")

    def _variable(self, found: re.Match[str], place: str) -> str:
        doubled, name = found.groups()
        if doubled:
            return found[0][1:]
        if _VARIABLE_NAME.fullmatch(name) is None:
            raise wrong_value(place, "has ${…} around what is no variable's name; $${ stands for ${ itself")
        value = self._environ.get(name, "")
        if not value:
            raise InvalidRequest(f"The environment variable {name} is not set.", param=place)
        self.taken.add(value)
        self._fillings += 1
        return value

"""A client's body as two places, the top level and `metadata`, from which fields are taken by their aliases."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.normalise.guard import check_fields, parsed
from app.domain.normalise.values import ELSEWHERE, Elsewhere, Reading, UploadRef, elements, given, wrong_type
from app.domain.requests import Notice

T = TypeVar("T")
Found: TypeAlias = tuple[T, str]  # a value and the client's name for it
_SHOWN = 200  # characters of a text in a notice


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """One canonical field: its accepted names, best first, and how a value is read.

    `readings` replaces `read` for single names; a dotted name lies inside an object. `top_wins` turns round the rule that
    metadata wins. `conflict` is the warning for two names in one place that disagree.
    """

    canonical: str
    names: tuple[str, ...]
    read: Reading[T | Elsewhere]
    readings: Mapping[str, Reading[T | Elsewhere]] = field(default_factory=dict)
    top_wins: bool = False
    conflict: str | None = None
    paths: tuple[tuple[str, str, str], ...] = field(init=False, repr=False)  # name, its part before the dot, its part after it
    outer: frozenset[str] = field(init=False, repr=False)  # the parts before the dot, to tell at once that a body holds none

    def __post_init__(self) -> None:
        parted = [(name, *name.partition(".")) for name in self.names]
        object.__setattr__(self, "paths", tuple((name, outer, inner) for name, outer, _, inner in parted))
        object.__setattr__(self, "outer", frozenset(outer for _, outer, _, _ in parted))


@dataclass(slots=True)
class Place:
    """The top level of a body, or its metadata: what was given there and what has been used of it; `values` are all `given`."""

    values: JsonObject
    prefix: str = ""
    used: set[str] = field(default_factory=set)

    def get(self, name: str) -> Json:
        """A value that nobody has used yet; None when there is none."""
        return None if name in self.used else self.values.get(name)

    def rest(self) -> dict[str, Json]:
        """What nobody used."""
        if not self.values:
            return {}
        left = {name: value for name, value in self.values.items() if name not in self.used}
        for name in self.used:
            if "." in name:
                _leave_out(left, name)
        return left


class Body:
    """A client's body while it is being read; collects notices and the names that the client used."""

    def __init__(self, body: JsonObject) -> None:
        fields = dict(body)
        metadata = fields.pop("metadata", None)
        check_fields(fields)
        self.notices: list[Notice] = []
        self.named: dict[str, str] = {}
        self.top = Place({name: value for name, value in fields.items() if given(value)})
        self.extra = Place({} if metadata is None else self._metadata(metadata), "metadata.")
        self.places = self.top, self.extra
        self._names = {*self.top.values, *self.extra.values}

    def holds(self, names: Set[str]) -> bool:
        """Whether one of these names stands at the top level or in the metadata, used or not."""
        return not self._names.isdisjoint(names)

    def take(self, row: Row[T]) -> T | None:
        """The value of a field; metadata wins unless the row says otherwise. Raises InvalidRequest for a bad top-level one."""
        if self._names.isdisjoint(row.outer):  # so it is for most rows and most bodies
            return None
        top = self._read(row, self.top)
        extra = self._read(row, self.extra) if self.extra.values else None
        if top and extra and not row.top_wins and top[0] != extra[0]:
            self.note(f"metadata_override:{row.canonical}", row.canonical, shown(top[0]), shown(extra[0]))
        chosen = (top or extra) if row.top_wins else (extra or top)
        if chosen is None:
            return None
        value, self.named[row.canonical] = chosen
        return value

    def note(self, code: str, canonical: str, before: Json = None, after: Json = None) -> None:
        """Adds a notice, unless the same thing was said already."""
        notice = Notice(code, canonical, before, after)
        if notice not in self.notices:
            self.notices.append(notice)

    def ignore(self, name: str) -> None:
        """Says that a metadata value was not understood and stays in `vendor`."""
        self.note(f"metadata_ignored:{name}", name)

    def vendor(self) -> dict[str, Json]:
        """What nothing consumed; metadata wins on equal names. Raises InvalidRequest for a file that nothing consumed."""
        top, extra = self.top.rest(), self.extra.rest()
        for place, rest in ((self.top, top), (self.extra, extra)):
            for name, value in rest.items():
                if _holds_upload(value):
                    raise InvalidRequest(
                        f"No file is expected in `{place.prefix}{name}`.", code="invalid_value", param=place.prefix + name
                    )
        return {**top, **extra}

    def _read(self, row: Row[T], place: Place) -> Found[T] | None:
        found: Found[T] | None = None
        for name, outer, inner in row.paths:
            if outer not in place.values or name in place.used:
                continue
            value = place.values[outer]
            if inner and not given(value := _member(value, inner)):
                continue
            try:
                read = row.readings.get(name, row.read)(value, place.prefix + name)
            except InvalidRequest:
                if place is self.top:
                    raise
                self.ignore(name)
                continue
            if read is ELSEWHERE:
                continue
            place.used.add(name)
            if found is None:
                found = read, place.prefix + name
            elif row.conflict and read != found[0]:
                self.note(row.conflict, row.canonical, shown(read), shown(found[0]))
        return found

    def _metadata(self, value: Json) -> dict[str, Json]:
        if not given(value):
            return {}
        if isinstance(value, str) and not isinstance(value, UploadRef):
            value = parsed(value, "metadata")
        if not isinstance(value, Mapping):
            raise wrong_type("metadata", "an object, or a string that holds one")
        check_fields(value, "metadata.")
        dropped = [name for name in ("model", "model_name") if given(value.get(name))]
        if dropped:  # whoever may use a cheap model could name a dear one here
            self.note("metadata_model_ignored", "model", shown(value[dropped[0]]), None)
        return {name: item for name, item in value.items() if given(item) and name not in ("model", "model_name")}


def shown(value: object) -> Json:
    """A value for a notice; long texts shortened."""
    return value if value is None or isinstance(value, int | float) else str(value)[:_SHOWN]


def _member(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, Mapping) else None


def _leave_out(values: dict[str, Json], path: str) -> None:
    """Takes the member of an object out, and the object too when nothing is left of it."""
    outer, _, inner = path.partition(".")
    value = values.get(outer)
    rest = {name: kept for name, kept in value.items() if name != inner} if isinstance(value, Mapping) else {}
    if rest:
        values[outer] = rest
    else:
        values.pop(outer, None)


def _holds_upload(value: Json) -> bool:
    if isinstance(value, str):
        return isinstance(value, UploadRef)
    if isinstance(value, Mapping):
        return any(_holds_upload(item) for item in value.values())
    items = elements(value)
    return items is not None and any(_holds_upload(item) for item in items)

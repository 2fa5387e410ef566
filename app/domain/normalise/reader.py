"""A client's body as two places, the top level and `metadata`, from which fields are taken by their aliases."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.normalise.guard import check_fields, parsed
from app.domain.normalise.values import Elsewhere, Reading, UploadRef, elements, given, outer_names, wrong_type
from app.domain.requests import Notice

T = TypeVar("T")
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
    outer: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outer", outer_names(self.names))


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value and the client's name for it."""

    value: T
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """The top level of a body, or its metadata: what was given there and what has been used of it."""

    values: JsonObject
    prefix: str = ""
    used: set[str] = field(default_factory=set)

    def get(self, name: str) -> Json:
        """A value that nobody has used yet; None when there is none."""
        if name in self.used:
            return None
        outer, dot, inner = name.partition(".")
        value = self.values.get(outer)
        if not dot:
            return value
        found = value.get(inner) if isinstance(value, Mapping) else None
        return found if given(found) else None

    def rest(self) -> dict[str, Json]:
        """What nobody used."""
        left = {name: value for name, value in self.values.items() if name not in self.used}
        for name in self.used:
            outer, dot, inner = name.partition(".")
            value = left.get(outer)
            if dot and isinstance(value, Mapping):
                left[outer] = {key: kept for key, kept in value.items() if key != inner}
        return {name: value for name, value in left.items() if given(value)}


class Body:
    """A client's body while it is being read; collects notices and the names that the client used."""

    def __init__(self, body: JsonObject) -> None:
        check_fields({name: value for name, value in body.items() if name != "metadata"})
        self.notices: list[Notice] = []
        self.named: dict[str, str] = {}
        self.top = Place({name: value for name, value in body.items() if name != "metadata" and given(value)})
        self.extra = Place(self._metadata(body.get("metadata")), "metadata.")

    @property
    def places(self) -> tuple[Place, Place]:
        """Top level first."""
        return self.top, self.extra

    def take(self, row: Row[T]) -> T | None:
        """The value of a field; metadata wins unless the row says otherwise. Raises InvalidRequest for a bad top-level one."""
        top = None if row.outer.isdisjoint(self.top.values) else self._read(row, self.top)
        extra = None if row.outer.isdisjoint(self.extra.values) else self._read(row, self.extra)
        if top is not None and extra is not None and not row.top_wins and top.value != extra.value:
            self.note(f"metadata_override:{row.canonical}", row.canonical, shown(top.value), shown(extra.value))
        chosen = (top or extra) if row.top_wins else (extra or top)
        if chosen is None:
            return None
        self.named[row.canonical] = chosen.name
        return chosen.value

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
        for name, value in _values(row, place):
            try:
                read = row.readings.get(name, row.read)(value, place.prefix + name)
            except InvalidRequest:
                if place is self.top:
                    raise
                self.ignore(name)
                continue
            if isinstance(read, Elsewhere):
                continue
            place.used.add(name)
            if found is None:
                found = Found(read, place.prefix + name)
            elif row.conflict and read != found.value:
                self.note(row.conflict, row.canonical, shown(read), shown(found.value))
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


def _values(row: Row[T], place: Place) -> Iterator[tuple[str, Json]]:
    for name in row.names:
        value = place.get(name)
        if value is not None:
            yield name, value


def _holds_upload(value: Json) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_upload(item) for item in value.values())
    items = elements(value)
    return isinstance(value, UploadRef) if items is None else any(_holds_upload(item) for item in items)

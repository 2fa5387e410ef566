"""`[[groups]]` of a file: what each group pays."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.domain.json import JsonObject
from app.engine import audit
from app.engine.declared_steps import Change, Pen, Written
from app.engine.declared_tables import Table, by_name, read_fields
from app.engine.declared_values import NAME, ratio
from app.engine.masking import MASK
from app.store import groups as group_store

_READINGS = {"name": NAME, "price_ratio": ratio}
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class GroupStep:
    """Gives a group another price ratio."""

    name: str
    before: Decimal
    after: Decimal
    hidden: bool

    @property
    def change(self) -> Change:
        """What it changes, for people."""
        return Change("update", "group", self.name, {"price_ratio": {"from": MASK, "to": MASK}} if self.hidden else self._fields())

    async def write(self, pen: Pen) -> Written | None:
        """Does it."""
        await group_store.put(pen.connection, self.name, self.after)
        await audit.write(pen.connection, pen.actor, pen.now, "update", "group", self.name, self.name, self._fields())
        return None

    def _fields(self) -> JsonObject:
        return {"price_ratio": {"from": str(self.before), "to": str(self.after)}}


def group_steps(tables: Iterable[Table], held: Mapping[str, Decimal]) -> Iterator[GroupStep]:
    """A step for each group whose ratio is not the file's; raises InvalidRequest naming the place in the file."""
    for name, table in by_name(tables).items():
        with table.placed():
            wanted = read_fields(table, _READINGS, ["price_ratio"])["price_ratio"]
        before = held.get(name, _ONE)
        if wanted != before:
            yield GroupStep(name, before, wanted, "price_ratio" in table.filled)

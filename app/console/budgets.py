"""Budgets as a bar shows them: how much of what a key may spend in its period is taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.domain.json import Json


@dataclass(frozen=True, slots=True)
class Budget:
    """Dollars of one period: what is allowed, spent, held for jobs that run, and left; what is held counts as taken."""

    amount: Decimal
    spent: Decimal
    reserved: Decimal

    @property
    def left(self) -> Decimal:
        """What may still be spent; a budget that was lowered leaves nothing, never less."""
        return max(self.amount - self.spent - self.reserved, Decimal(0))

    @property
    def share(self) -> float:
        """How much of it is taken; 1 is all, and a budget of nothing is all taken."""
        return float((self.spent + self.reserved) / self.amount) if self.amount else 1.0


def budget_of(view: Mapping[str, Json]) -> Budget | None:
    """The budget in a key's view; None where it has none."""
    if view["budget_usd"] is None:
        return None
    return Budget(*(Decimal(str(view[name])) for name in ("budget_usd", "spent_usd", "reserved_usd")))

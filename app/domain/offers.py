"""A model under the public name by which it may be asked for."""

from dataclasses import dataclass
from decimal import Decimal

from app.domain.capabilities import ModelCard, Price
from app.domain.requests import Operation


@dataclass(frozen=True, slots=True)
class Offer:
    """A public model name as it may be used. `op` None: the name is in no data file, so it could be either."""

    name: str
    card: ModelCard
    op: Operation | None
    created: int  # Unix seconds
    price: Price | None = None
    price_ratio: Decimal = Decimal(1)

    def fits(self, kind: str, mode: str) -> bool:
        """Whether it is, or may be, of this kind and has, or may have, this mode; empty words ask for nothing."""
        modes = self.card.capabilities.modes
        return (not kind or self.op in (kind, None)) and (not mode or modes is None or mode in {one.value for one in modes})

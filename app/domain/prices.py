"""What things cost: prices as operators write them, and the terms under which one job is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from app.domain.capabilities import Price
from app.domain.json import Json, JsonObject

_UNITS = ("image", "job", "mtoken", "second")
_DEAREST = 1_000_000  # USD for one unit; "1e999999999" is a finite number too


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The price that a job is made under, fixed when its channel is chosen: a later change of prices does not touch it.

    `price` None: nobody set one, the job costs nothing and says so. `ratio` is the channel's and the group's, multiplied.
    `usual_seconds` is the length that is charged when neither client nor vendor says one, `longest_seconds` the one that is
    reserved then.
    """

    price: Price | None
    ratio: Decimal = Decimal(1)
    usual_seconds: float = 5.0
    longest_seconds: float = 30.0


def terms_to_json(terms: Terms) -> JsonObject:
    """The terms as they are stored with a job; of one without a price, neither `unit` nor `usd`."""
    price = terms.price
    priced: JsonObject = {}
    if price is not None:
        priced = {"unit": price.unit, "usd": {key: str(rate) for key, rate in price.usd.items()}}
    return {
        **priced,
        "ratio": str(terms.ratio),
        "usual_seconds": terms.usual_seconds,
        "longest_seconds": terms.longest_seconds,
    }


def terms_from_json(value: JsonObject) -> Terms:
    """What `terms_to_json` wrote."""
    unpriced = value.get("unit") is None
    return Terms(
        price=None if unpriced else price_from_json(value),
        ratio=Decimal(str(value["ratio"])),
        usual_seconds=float(str(value["usual_seconds"])),
        longest_seconds=float(str(value["longest_seconds"])),
    )


def price_from_json(value: Json) -> Price:
    """A channel's own price (CONTRACT §4); raises ValueError saying what is wrong."""
    if not isinstance(value, Mapping) or value.get("unit") not in _UNITS:
        raise ValueError(f"a price needs a unit, one of {', '.join(_UNITS)}")
    usd = value.get("usd")
    rates = usd if isinstance(usd, Mapping) else {"*": usd}
    if not rates:
        raise ValueError("a price needs an amount in USD")
    return Price(unit=str(value["unit"]), usd={key: _amount(rate) for key, rate in rates.items()})


def _amount(value: Json) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount in USD") from error
    if not amount.is_finite() or not 0 <= amount <= _DEAREST:
        raise ValueError(f"{value!r} is not an amount in USD")
    return amount

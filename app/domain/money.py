"""What a request costs, in integer micro-dollars."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from app.domain.capabilities import Price
from app.domain.json import Json
from app.domain.requests import Request, VideoRequest

MICRO = 1_000_000
_UNITS = ("image", "job", "mtoken", "second")
_DEAREST = 1_000_000  # USD for one unit; "1e999999999" is a finite number too


@dataclass(frozen=True, slots=True)
class Quote:
    """The highest price that a request can come to; `unpriced` when nobody set one."""

    micros: int
    unit: str | None
    unpriced: bool

    @property
    def usd(self) -> str:
        """As a decimal string with six places, the way in which money leaves the gateway."""
        return f"{Decimal(self.micros) / MICRO:.6f}"


def quote(request: Request, price: Price | None, ratio: Decimal) -> Quote:
    """What this request can cost at most under this price and the channel's ratio; rounded up to a micro-dollar."""
    if price is None:
        return Quote(0, None, unpriced=True)
    rate = _rate(request, price.usd)
    if rate is None:
        return Quote(0, price.unit, unpriced=True)
    total = rate * _quantity(request, price.unit) * ratio * MICRO
    return Quote(int(total.to_integral_value(ROUND_CEILING)), price.unit, unpriced=False)


def _rate(request: Request, tariff: Mapping[str, Decimal]) -> Decimal | None:
    audio = isinstance(request, VideoRequest) and request.generate_audio is not False
    keys: list[str | None] = [request.resolution, request.quality, "*"]
    if isinstance(request, VideoRequest) and audio:
        keys = [f"{request.resolution}+audio", request.resolution, "*+audio", "*"]
    elif request.width and request.height:
        keys = [f"{request.width}x{request.height}", *keys]
    return next((tariff[key] for key in keys if key is not None and key in tariff), None)


def _quantity(request: Request, unit: str) -> Decimal:
    if unit == "second" and isinstance(request, VideoRequest):
        return Decimal(str(request.duration or 0)) * request.n
    return Decimal(request.n)


def price_from_json(value: Json) -> Price:
    """A channel's own price (CONTRACT §4); raises ValueError saying what is wrong."""
    if not isinstance(value, Mapping) or value.get("unit") not in _UNITS:
        raise ValueError(f"a price needs a unit, one of {', '.join(_UNITS)}")
    usd = value.get("usd")
    rates = usd if isinstance(usd, Mapping) else {"*": usd}
    return Price(unit=str(value["unit"]), usd={key: _amount(rate) for key, rate in rates.items()})


def _amount(value: Json) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount in USD") from error
    if not amount.is_finite() or not 0 <= amount <= _DEAREST:
        raise ValueError(f"{value!r} is not an amount in USD")
    return amount

"""What a job costs, in integer micro-dollars: at most, before it is sent, and in the end, by what was really made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from app.domain.geometry import pixels_of
from app.domain.jobs import Job, JobStatus
from app.domain.most_results import most_results
from app.domain.prices import Terms
from app.domain.requests import Request, VideoRequest

MICRO = 1_000_000
_TOKENS_OF_A_PICTURE = 16_384  # the most that a vendor of pictures is known to bill for one
_PIXELS_A_TOKEN, _FRAMES_A_SECOND = 1024, 24  # of video: width x height x (24 x seconds + 1) / 1024 (ark.md, pricing)


@dataclass(frozen=True, slots=True)
class Quote:
    """The highest price that a request can come to; `unpriced` when nobody set one."""

    micros: int
    unit: str | None
    unpriced: bool

    @property
    def usd(self) -> str:
        """As a decimal string."""
        return usd(self.micros)


def usd(micros: int) -> str:
    """Micro-dollars as a decimal string with six places, the way in which money leaves the gateway."""
    return f"{Decimal(micros) / MICRO:.6f}"


def quote(request: Request, terms: Terms) -> Quote:
    """What this request can cost at most under these terms; rounded up to a micro-dollar.

    What the request leaves open (length, sound, resolution, how many pictures a group has) counts at its dearest.
    """
    if terms.price is None:
        return Quote(0, None, unpriced=True)
    unit, rates = terms.price.unit, _rates(request, request.resolution, terms.price.usd)
    if not rates:
        return Quote(0, unit, unpriced=True)
    seconds = request.duration if isinstance(request, VideoRequest) else None
    quantity = _quantity(unit, request, most_results(request), terms.longest_seconds if seconds is None else seconds)
    return Quote(_micros(max(rates), quantity, terms), unit, unpriced=False)


def cost(job: Job) -> int:
    """What an ended job costs its key.

    A completed one what was made of it, as the vendor says or else as ordered; a failed one nothing, unless its vendor bills
    it all the same.
    """
    if job.terms is None or job.terms.price is None:
        return 0
    billed = job.failure is not None and job.failure.billed
    if job.status is not JobStatus.COMPLETED and job.late_at is None:
        return _billed_failure(job, job.terms) if billed else 0
    return _made(job, job.terms)


def cost_of_parts(parts: Iterable[Job]) -> int:
    """What a job costs that was made in several calls."""
    return sum(part.cost or 0 for part in parts)


def _made(job: Job, terms: Terms) -> int:
    if terms.price is None:
        return 0
    rates = _rates(job.request, job.resolution or job.request.resolution, terms.price.usd)
    if not rates:  # a tier that nobody priced came back; what was ordered has a price
        rates = _rates(job.request, job.request.resolution, terms.price.usd)
    if not rates:
        return 0
    return _micros(max(rates), _quantity_made(job, terms.price.unit, terms), terms)


def _billed_failure(job: Job, terms: Terms) -> int:
    """The vendor's own figure where it gives one, else what the job would have cost."""
    if job.usage is not None and job.usage.micros is not None:
        return int((job.usage.micros * terms.ratio).to_integral_value(ROUND_CEILING))
    return quote(job.request, terms).micros


def _quantity_made(job: Job, unit: str, terms: Terms) -> Decimal:
    usage, results = job.usage, max(len(job.outputs), 1)
    ordered = job.request.duration if isinstance(job.request, VideoRequest) else None
    if unit == "second" and isinstance(job.request, VideoRequest):
        if usage is not None and usage.seconds is not None:
            return _decimal(usage.seconds)
        length = next((known for known in (job.seconds, ordered) if known is not None), terms.usual_seconds)
        return _decimal(length) * results
    if unit == "mtoken":
        tokens = None if usage is None else next((n for n in (usage.output_tokens, usage.total_tokens) if n is not None), None)
        if tokens is not None:
            return Decimal(tokens) / MICRO
        return _quantity(unit, job.request, results, job.seconds or ordered or terms.usual_seconds)
    if unit == "image" and usage is not None and usage.images is not None:
        return Decimal(usage.images)
    return Decimal(results)


def _quantity(unit: str, request: Request, results: int, seconds: float) -> Decimal:
    if unit == "second" and isinstance(request, VideoRequest):
        return _decimal(seconds) * results
    if unit == "mtoken":
        return Decimal(_tokens(request, seconds) * results) / MICRO
    return Decimal(results)


def _tokens(request: Request, seconds: float) -> int:
    if not isinstance(request, VideoRequest):
        return _TOKENS_OF_A_PICTURE
    width, height = _pixels(request)
    return int(width * height * (_FRAMES_A_SECOND * seconds + 1) / _PIXELS_A_TOKEN) + 1


def _pixels(request: VideoRequest) -> tuple[int, int]:
    if request.width and request.height:
        return request.width, request.height
    try:
        return pixels_of(request.resolution or "1080p", request.aspect_ratio, "video")
    except (ValueError, ZeroDivisionError):
        return pixels_of("1080p", None, "video")


def _rates(request: Request, resolution: str | None, tariff: Mapping[str, Decimal]) -> list[Decimal]:
    """The rates that may apply: one, or several where the request leaves open which; none where nobody priced it."""
    found = [rate for loud in _loud(request) if (rate := _rate(request, resolution, tariff, loud=loud)) is not None]
    if not found and resolution is None:
        return list(tariff.values())
    return found


def _loud(request: Request) -> tuple[bool, ...]:
    """With sound, without, or both where nobody says: many models have it on by themselves."""
    if not isinstance(request, VideoRequest) or request.generate_audio is False:
        return (False,)
    return (True,) if request.generate_audio else (True, False)


def _rate(request: Request, resolution: str | None, tariff: Mapping[str, Decimal], *, loud: bool) -> Decimal | None:
    keys = [resolution, request.quality, "*"]
    if not isinstance(request, VideoRequest) and request.width and request.height:
        keys = [f"{request.width}x{request.height}", *keys]
    if loud:
        keys = [f"{resolution}+audio", resolution, "*+audio", *keys]
    return next((tariff[key] for key in keys if key is not None and key in tariff), None)


def _micros(rate: Decimal, quantity: Decimal, terms: Terms) -> int:
    return int((rate * quantity * terms.ratio * MICRO).to_integral_value(ROUND_CEILING))


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))

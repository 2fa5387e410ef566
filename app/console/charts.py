"""Small charts as inline SVG: no script draws them, and screen readers hear what they show."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 640, 160
_GAP = 0.25  # of a bar's room


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: how high it is, what is said of it, and how much of it went wrong."""

    value: float
    said: str
    bad: float = 0.0


def bars(data: Sequence[Bar], title: str) -> Markup:
    """Bars from left to right, as wide as there is room; `title` is what a screen reader says first. Words stand around it."""
    highest = max((bar.value for bar in data), default=0.0) or 1.0
    room = _WIDTH / max(len(data), 1)
    drawn = [_bar(bar, place * room + room * _GAP / 2, room * (1 - _GAP), highest) for place, bar in enumerate(data)]
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">{}'
        '<line x1="0" x2="{}" y1="{}" y2="{}"/></svg>'
    ).format(_WIDTH, _HEIGHT, title, Markup("").join(drawn), _WIDTH, _HEIGHT, _HEIGHT)


def spark(values: Sequence[float], title: str) -> Markup:
    """A line without axes, beside a number."""
    if len(values) < 2:
        return Markup("")
    highest, step = max(values) or 1.0, 100 / (len(values) - 1)
    points = " ".join(f"{place * step:.1f},{28 - value / highest * 26:.1f}" for place, value in enumerate(values))
    return Markup(
        '<svg class="spark" viewBox="0 0 100 30" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<polyline points="{}"/></svg>'
    ).format(title, points)


def meter(share: float, title: str) -> Markup:
    """How full something is, from 0 to 1."""
    width = 100 * min(max(share, 0.0), 1.0)
    state = "bad" if share >= 1 else "warn" if share >= 0.8 else "ok"
    return Markup(
        '<svg class="meter" viewBox="0 0 100 6" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<rect class="meter-room" width="100" height="6" rx="3"/><rect class="meter-{}" width="{}" height="6" rx="3"/></svg>'
    ).format(title, state, f"{width:.1f}")


def _bar(bar: Bar, x: float, width: float, highest: float) -> Markup:
    height = bar.value / highest * _HEIGHT
    bad = min(bar.bad, bar.value) / highest * _HEIGHT
    return Markup(
        '<g><title>{}</title><rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="2"/>'
        '<rect class="bar-bad" x="{}" y="{}" width="{}" height="{}" rx="2"/></g>'
    ).format(bar.said, _at(x), _at(_HEIGHT - height), _at(width), _at(height), _at(x), _at(_HEIGHT - bad), _at(width), _at(bad))


def _at(value: float) -> str:
    return f"{value:.1f}"

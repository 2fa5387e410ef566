"""An explanation as CONTRACT §4 writes it."""

from app.domain.canonical import to_json
from app.domain.json import Json
from app.engine.explain import Explanation
from app.engine.job_views import notice_view


def explanation_view(explanation: Explanation) -> dict[str, Json]:
    """The request, what the model can do of it, the route, the call without secrets, and the price."""
    price = explanation.price
    return {
        "request": to_json(explanation.request, inline=False),
        "fitted": to_json(explanation.fitted, inline=False),
        "warnings": [notice_view(notice) for notice in explanation.notices],
        "route": [{"channel": step.channel, "eligible": step.eligible, "reason": step.reason} for step in explanation.route],
        "call": explanation.call,
        "price": {"usd": price.usd, "unit": price.unit, "unpriced": price.unpriced},
    }

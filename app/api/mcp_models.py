"""The tool that finds models."""

from app.api.mcp_calls import Call, Found
from app.api.mcp_views import brief_model, whole_model
from app.domain.json import Json
from app.domain.normalise.values import one_of, trimmed
from app.domain.requests import Mode
from app.engine.offers import offers

MOST_MODELS = 50
MODES = tuple(mode.value for mode in Mode)
_LONGEST_SEARCH = 255  # characters
_kind, _mode, _search = one_of("image", "video"), one_of(*MODES), trimmed(_LONGEST_SEARCH)


async def list_models(call: Call) -> Found:
    """The models that this key may use; everything about one that is alone or named exactly."""
    kind, mode = call.get("kind", _kind, ""), call.get("mode", _mode, "")
    search = call.get("search", _search, "").lower()
    usable = sorted(offers(call.gateway.configuration, await call.key()).items())
    fitting = [offer for name, offer in usable if search in name.lower() and offer.fits(kind, mode)]
    chosen = [offer for offer in fitting if offer.name.lower() == search] or fitting
    if len(chosen) == 1:
        return Found({"models": [whole_model(chosen[0])], "total": len(fitting)})
    content: dict[str, Json] = {"models": [brief_model(offer) for offer in fitting[:MOST_MODELS]], "total": len(fitting)}
    if len(fitting) > MOST_MODELS:
        content["hint"] = f"These are the first {MOST_MODELS} by name; narrow the list with kind, mode or search."
    return Found(content)

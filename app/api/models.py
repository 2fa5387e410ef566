"""`/v1/models`: what this key may use, and what each of it can do."""

from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import CurrentKey, GatewayDep
from app.api.dialects.models import capabilities_object, model_list, model_object
from app.engine.offers import offer_of, offers


async def list_models(key: CurrentKey, gateway: GatewayDep) -> Response:
    """Every model that this key may use now."""
    return json_answer(model_list(sorted(offers(gateway.configuration, key).values(), key=lambda offer: offer.name)))


async def read_model(model: str, key: CurrentKey, gateway: GatewayDep) -> Response:
    """One model."""
    return json_answer(model_object(offer_of(gateway.configuration, key, model)))


async def read_capabilities(model: str, key: CurrentKey, gateway: GatewayDep) -> Response:
    """What a model can do, takes and costs."""
    return json_answer(capabilities_object(offer_of(gateway.configuration, key, model)))

"""`/v1/usage`: what the holder of a key may know of its money."""

from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import CurrentKey, GatewayDep
from app.engine.money_desk import MoneyDesk


async def read_usage(key: CurrentKey, gateway: GatewayDep) -> Response:
    """This key's spending and limits, and what it made in the last 30 days, by day and by model."""
    desk = MoneyDesk(gateway.database, gateway.configuration, gateway.now)
    return json_answer(await desk.own_usage(key), headers={"cache-control": "no-store"})

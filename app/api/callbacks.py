"""`/callbacks/{token}`: a vendor says that there is news of a job. It is only a hint: what is true is asked for."""

from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import GatewayDep


async def hear_callback(token: str, gateway: GatewayDep) -> Response:
    """Asks the vendor now instead of at the next turn; the body of the call is not even read."""
    gateway.poller.hurry(gateway.links.read(token, ["callback"]).id)
    return json_answer({"received": True})

"""`/metrics`, for Prometheus: no part of the client API, so the reference leaves it out."""

import hmac

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.api.deps import GatewayDep, shown_key
from app.domain.errors import Unauthenticated
from app.engine.scrape import CONTENT_TYPE

ENDPOINT = "/metrics"


def include(app: FastAPI) -> None:
    """Adds the endpoint to the application."""
    app.add_api_route(ENDPOINT, read_metrics, methods=["GET"], response_class=Response, include_in_schema=False)


async def read_metrics(request: Request, gateway: GatewayDep) -> Response:
    """Everything that is measured; with a metrics token in the settings, only for who shows it."""
    wanted = gateway.settings.metrics_token
    if wanted is not None:
        shown = (shown_key(request.headers) or "").encode()
        if not hmac.compare_digest(shown, wanted.get_secret_value().encode()):
            raise Unauthenticated("Metrics are read with the metrics token, as `Authorization: Bearer …`.")
    return Response(await gateway.scrape.page(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

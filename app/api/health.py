"""For load balancers: is this process alive, and should it get requests."""

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.store import revision

_PATIENCE = 2.0  # seconds for the database
_log = logging.getLogger(__name__)


async def alive() -> Response:
    """This process answers."""
    return json_answer({"status": "ok"})


async def ready(gateway: GatewayDep) -> Response:
    """This process takes work: it is not going away, and its database answers."""
    if gateway.draining:
        return json_answer({"status": "unavailable", "reason": "shutting down"}, 503)
    try:
        async with asyncio.timeout(_PATIENCE), gateway.database.read() as connection:
            await revision.current(connection)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        _log.warning("not ready: %s", error or type(error).__name__)
        return json_answer({"status": "unavailable", "reason": "database"}, 503)
    return json_answer({"status": "ready"})

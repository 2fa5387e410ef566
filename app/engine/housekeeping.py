"""What has to be done now and then, by any process: forgetting what is old, and asking about what is overdue."""

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.engine.late import Late
from app.engine.retention import Retention

_INTERVAL = 60.0  # seconds
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Slow work, apart from the heartbeat that must not wait for it."""

    late: Late
    retention: Retention

    async def run(self) -> None:
        """Works for ever; a database that is away for a while only delays it."""
        while True:
            for step in (self.late.look, self.retention.tidy):
                try:
                    await step()
                except (SQLAlchemyError, OSError) as error:
                    _log.warning("housekeeping failed: %s", error)
            await asyncio.sleep(_INTERVAL)

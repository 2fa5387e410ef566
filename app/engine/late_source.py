"""A place where requests are counted whose library is loaded when the first key with a limit asks; 2 MB that others do without."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.rate_source import RateSource


class SourceAway(Exception):
    """This place cannot be asked now; another one has to count."""


class LateSource:
    """Is asked as the source is that `make` makes."""

    def __init__(self, make: "Callable[[], RateSource]") -> None:
        self._make = make
        self._made: RateSource | None = None

    async def wait(self, subject: str, per_minute: int) -> float | None:
        """Counts one request, or says after how many seconds one may pass; None when this one may. Raises SourceAway."""
        if self._made is None:
            await asyncio.to_thread(import_module, "app.engine.rate_source")
            self._made = self._made or self._make()
        return await self._made.wait(subject, per_minute)

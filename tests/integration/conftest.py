"""One event loop for a whole module, so that its gateway is started once."""

import pytest

from tests.integration.gates import rested


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The event loop that async tests and their fixtures run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
async def _rested(anyio_backend: str) -> None:
    await rested()

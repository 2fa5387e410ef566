"""One event loop for a whole module, so that its gateway is started once."""

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The event loop that async tests and their fixtures run on."""
    return "asyncio"

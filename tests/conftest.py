"""Fixtures that every test may use, and how the suite spares the machine."""

import gc
from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is imported and collected stays to the end: looking through it again and again for garbage took a fifth of the time."""
    gc.disable()
    if session.config.getoption("dist", "no") == "no":  # tests are run here, and not by workers of their own
        from tests import once  # needs the whole application, which a process that only hands out tests does not

        once.share()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop that async tests run on; for the whole session, so that a module may share what it starts."""
    return "asyncio"

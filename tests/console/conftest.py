"""The console as somebody's browser sees it, over the application of the API tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.engine.changes import changing
from app.engine.configuration import ADMIN_KEY_SETTING
from app.store import settings as setting_store
from app.store.keys import hash_key
from tests.api.conftest import Site, site_on
from tests.gateways import KEY_TEXT

ADMIN = "admin-of-the-console"


@dataclass
class Rooms:
    """The application, and three browsers: the operator's, the one of `KEY`'s holder, and one where nobody is signed in."""

    site: Site
    operator: httpx.AsyncClient
    holder: httpx.AsyncClient
    nobody: httpx.AsyncClient


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    """A console of the test's own."""
    async with rooms_in(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared_rooms(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rooms]:
    """One console for the tests of a module that only look, or are refused."""
    async with rooms_in(tmp_path_factory.mktemp("rooms")) as opened:
        yield opened


@asynccontextmanager
async def rooms_in(folder: Path) -> AsyncIterator[Rooms]:
    """The console over an application in this folder."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(site_on(folder))
        async with changing(site.gateway.database) as connection:
            await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(ADMIN))
        await site.gateway.configuration.refresh()
        transport = httpx.ASGITransport(site.app)
        browsers = [
            await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://gate.test")) for _ in range(3)
        ]
        for browser, key in zip(browsers, (ADMIN, KEY_TEXT, ""), strict=True):
            if key:
                answer = await browser.post("/console/sign-in", data={"key": key})
                assert answer.status_code == 303, answer.text
        yield Rooms(site, *browsers)

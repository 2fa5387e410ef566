"""The application with an admin key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.engine.changes import changing
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.gateway import Gateway
from app.store import settings as setting_store
from app.store.keys import hash_key
from tests.api.conftest import Site, client_of

ADMIN_TEXT = "fg-admin-test-canary"


@pytest.fixture
async def admin(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client that shows the admin key."""
    async with admin_of(site) as client:
        yield client


@pytest.fixture(scope="module")
async def shared_admin(_module_site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """The same at the application that the tests of a module share."""
    async with admin_of(_module_site) as client:
        yield client


@asynccontextmanager
async def admin_of(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Gives the application an admin key, and a client that shows it."""
    await admin_key(site.gateway, ADMIN_TEXT)
    async with client_of(site.app, ADMIN_TEXT) as client:
        yield client


async def admin_key(gateway: Gateway, text: str) -> None:
    """Makes this the admin key, as a first start would."""
    async with changing(gateway.database) as connection:
        await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(text))
    await gateway.configuration.refresh()

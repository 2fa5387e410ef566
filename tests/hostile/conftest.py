"""The whole application over a scripted vendor, as `tests/api` has it, with an admin key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.engine.changes import changing
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.gateway import Gateway
from app.store import settings as setting_store
from app.store.keys import hash_key
from app.store.tables import jobs
from tests.api.conftest import Site, _module_site, client_of, shared_site, site

ADMIN_TEXT = "fg-admin-hostile-canary"
__all__ = ["_module_site", "admin_of", "shared_site", "site"]


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


async def row_count(site: Site) -> int:
    """How many jobs are stored, parts included."""
    async with site.gateway.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(jobs))).scalar_one())


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of everything that the application serves, what the document hides included."""
    routes = [(route, getattr(route, "path", "")) for route in app.routes]
    return sorted({(method, path) for route, path in routes for method in getattr(route, "methods", None) or ()})

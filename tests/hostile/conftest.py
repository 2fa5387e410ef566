"""The whole application over a scripted vendor, as `tests/api` has it, with an admin key."""

from fastapi import FastAPI
from sqlalchemy import func, select

from app.store.tables import jobs
from tests.api.admin.conftest import ADMIN_TEXT, admin, admin_key, admin_of, shared_admin
from tests.api.conftest import Site, _module_site, shared_site, site

__all__ = ["ADMIN_TEXT", "_module_site", "admin", "admin_key", "admin_of", "shared_admin", "shared_site", "site"]


async def row_count(site: Site) -> int:
    """How many jobs are stored, parts included."""
    async with site.gateway.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(jobs))).scalar_one())


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of everything that the application serves, what the document hides included."""
    routes = [(route, getattr(route, "path", "")) for route in app.routes]
    return sorted({(method, path) for route, path in routes for method in getattr(route, "methods", None) or ()})

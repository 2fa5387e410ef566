"""Only the admin key opens the admin API, on every route there is."""

import httpx
import pytest
from fastapi.routing import APIRoute

from app.api.admin.access import AdminRoute
from app.main import create_app
from app.settings import Settings
from tests.api.admin.conftest import ADMIN_TEXT
from tests.api.conftest import Site, client_of, error_of

pytestmark = pytest.mark.anyio
ROUTES = sorted(
    (method, route.path)
    for route in create_app(Settings(_env_file=None)).routes
    if isinstance(route, APIRoute) and route.path.startswith("/admin")
    for method in route.methods or ()
)


def test_the_route_table_was_found() -> None:
    assert ("POST", "/admin/explain") in ROUTES
    assert len(ROUTES) >= 14


def test_every_admin_path_is_behind_the_gate() -> None:
    routes = create_app(Settings(_env_file=None)).routes
    assert all(isinstance(route, AdminRoute) for route in routes if getattr(route, "path", "").startswith("/admin"))


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_admin_route_403_for_user_key(
    shared_site: Site, shared_admin: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await shared_site.client.request(method, path.replace("{", "").replace("}", ""))
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "permission_denied"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_admin_route_401_without_or_with_an_unknown_key(
    shared_site: Site, shared_admin: httpx.AsyncClient, method: str, path: str
) -> None:
    async with client_of(shared_site.app) as nobody, client_of(shared_site.app, "fg-admin-guess") as guesser:
        for client in (nobody, guesser):
            answer = await client.request(method, path, content=b"{", headers={"content-type": "application/json"})
            assert answer.status_code == 401
            assert error_of(answer)["type"] == "invalid_request_error"


async def test_without_an_admin_key_nothing_opens_the_admin_api(site: Site) -> None:
    async with client_of(site.app, ADMIN_TEXT) as client, client_of(site.app) as nobody:
        assert (await client.get("/admin/keys")).status_code == 401
        assert (await nobody.get("/admin/keys", headers={"authorization": "Bearer "})).status_code == 401


async def test_the_admin_key_is_no_client_key(site: Site, admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/v1/models")).status_code == 401


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_" * 7, "\x7f"])
async def test_sql_metacharacters_in_bearer(shared_site: Site, shared_admin: httpx.AsyncClient, text: str) -> None:
    answer = await shared_admin.get("/admin/keys", headers={"authorization": f"Bearer {text}"})
    assert answer.status_code == 401


async def test_badhost_header_cannot_change_auth_outcome(site: Site, admin: httpx.AsyncClient) -> None:
    for host in ("localhost", "admin", "gate.example.com/admin", "127.0.0.1:8000"):
        headers = {"host": host, "x-forwarded-host": host, "x-original-url": "/healthz", "x-forwarded-for": "127.0.0.1"}
        assert (await site.client.get("/admin/channels", headers=headers)).status_code == 403
        assert (await admin.get("/admin/channels", headers=headers)).status_code == 200

"""For load balancers."""

from pathlib import Path

import pytest

from app.store.database import Database
from tests.api.conftest import Site, client_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_running_gateway_is_alive_and_ready_without_a_key(site: Site, path: str) -> None:
    async with client_of(site.app) as nobody:
        assert (await nobody.get(path)).status_code == 200
        assert (await nobody.head(path)).status_code == 200


async def test_a_draining_gateway_is_alive_and_not_ready(site: Site) -> None:
    await site.gateway.drain()
    assert (await site.client.get("/healthz")).status_code == 200
    answer = await site.client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "shutting down")


async def test_a_gateway_without_its_database_is_not_ready(site: Site, tmp_path: Path) -> None:
    whole, empty = site.gateway.database, Database.open(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    site.gateway.database = empty
    answer = await site.client.get("/readyz")
    site.gateway.database = whole
    await empty.close()
    assert (answer.status_code, answer.json()["reason"]) == (503, "database")

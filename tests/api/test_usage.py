"""`GET /v1/usage`: a key's own money, and nobody else's."""

from typing import Any

import httpx
import jsonschema_rs
import pytest

from app.store import ledger, usage
from tests.api.admin.conftest import admin
from tests.api.conftest import Site, client_of
from tests.api.samples import TERMS, completed
from tests.gateways import KEY

__all__ = ["admin"]
pytestmark = pytest.mark.anyio


async def spent(site: Site, key_id: str = KEY.id, **values: Any) -> None:
    """One job of the key that is done and cost 0.25 USD, made now."""
    now = site.gateway.now()
    given = {"id": f"task_of_{key_id}", "key_id": key_id, "created_at": now, "channel_id": "channel_1", "terms": TERMS}
    job = completed(**{**given, "reserved": 300_000, "cost": 250_000, "seconds": 5.0, **values})
    async with site.gateway.database.write() as connection:
        await ledger.reserve(connection, job, now)
        await ledger.settle(connection, job, job.cost or 0, now)
        await usage.add(connection, job)


async def test_a_key_sees_what_it_spent_and_nothing_of_others(site: Site) -> None:
    await spent(site)
    own, other = (await site.client.get("/v1/usage")).json(), (await site.stranger.get("/v1/usage")).json()
    assert own["key"] == {"id": KEY.id, "name": KEY.name}
    assert (own["spent_usd"], own["reserved_usd"], own["spent_total_usd"]) == ("0.250000", "0.000000", "0.250000")
    assert (own["budget_usd"], own["remaining_usd"], own["budget_period"]) == (None, None, "total")
    assert [(line["model"], line["jobs"], line["seconds"], line["usd"]) for line in own["by_model"]] == [
        ("film-1", 1, 5, "0.250000")
    ]
    assert len(own["by_day"]) == 1
    assert other["key"]["id"] == "key_2"
    assert (other["spent_total_usd"], other["by_day"], other["by_model"]) == ("0.000000", [], [])


async def test_the_answer_is_as_described_and_not_kept(site: Site) -> None:
    await spent(site)
    found = (await site.client.get("/openapi.json")).json()
    answer = await site.client.get("/v1/usage")
    schema = {"$ref": "#/components/schemas/KeyUsage", "components": found["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(answer.json())
    assert answer.headers["cache-control"] == "no-store"


async def test_a_budget_shows_what_is_left_of_it(site: Site, admin: httpx.AsyncClient) -> None:
    await admin.patch(f"/admin/keys/{KEY.id}", json={"budget_usd": "1", "budget_period": "day", "rpm": 7})
    await spent(site)
    found = (await site.client.get("/v1/usage")).json()
    assert (found["budget_usd"], found["remaining_usd"], found["budget_period"]) == ("1.000000", "0.750000", "day")
    assert found["period"]["end"] - found["period"]["start"] == 86_400
    assert found["limits"]["rpm"] == 7


async def test_a_new_key_has_spent_nothing(site: Site, admin: httpx.AsyncClient) -> None:
    text = (await admin.post("/admin/keys", json={"name": "boats"})).json()["key"]
    async with client_of(site.app, text) as client:
        found = (await client.get("/v1/usage")).json()
    assert (found["object"], found["currency"], found["spent_usd"], found["limits"]) == (
        "usage",
        "usd",
        "0.000000",
        {"rpm": None, "max_concurrency": None},
    )

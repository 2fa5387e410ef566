"""`/admin/webhooks`: what was told to whom and how each try went; and once more on demand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.domain.jobs import JobStatus
from app.domain.webhooks import Webhook, WebhookState, WebhookTry
from app.store import webhooks as store
from tests.api.conftest import Site, error_of
from tests.store.samples import job

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOOK = "https://app.example.com/hook?token=Wq7canaryZk3&n=1"


async def put(site: Site, number: int, **values: Any) -> None:
    """A webhook that was tried once, in vain."""
    one = replace(job(number, key_id=f"key_{number % 2}"), status=JobStatus.COMPLETED, callback_url=HOOK)
    webhook = Webhook.of(one, NOW, f"evt_{number}")
    assert webhook is not None
    tried = WebhookTry(at=NOW, milliseconds=31, status=503, detail="Come back later")
    state, due = values.get("state", WebhookState.PENDING), values.get("due", NOW + timedelta(days=36_500))
    async with site.gateway.database.write() as connection:
        await store.insert(connection, replace(webhook, due=NOW + timedelta(days=36_500)))
        held = await store.get(connection, webhook.id)
        assert held is not None
        await store.note_try(connection, held, tried, state, due, NOW)


async def listed(admin: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await admin.get("/admin/webhooks", params=query)
    assert answer.status_code == 200, answer.text
    return [webhook["id"] for webhook in answer.json()["data"]]


async def test_a_webhook_is_shown_with_its_attempts_and_without_a_secret(site: Site, admin: httpx.AsyncClient) -> None:
    await put(site, 1, state=WebhookState.FAILED, due=None)
    answer = (await admin.get("/admin/webhooks")).json()
    assert answer == {
        "data": [
            {
                "id": "evt_1",
                "object": "webhook",
                "key_id": "key_1",
                "job_id": "job_000001",
                "url": "https://app.example.com/hook?token=***&n=1",
                "type": "video.completed",
                "state": "failed",
                "created_at": int(NOW.timestamp()),
                "next_try_at": None,
                "ended_at": int(NOW.timestamp()),
                "attempts": [
                    {"number": 1, "at": int(NOW.timestamp()), "milliseconds": 31, "status": 503, "detail": "Come back later"}
                ],
            }
        ],
        "has_more": False,
        "next": None,
    }


async def test_webhooks_are_filtered_and_turned_page_by_page(site: Site, admin: httpx.AsyncClient) -> None:
    for number in range(1, 5):
        await put(site, number)
    await put(site, 5, state=WebhookState.NO_SECRET, due=None)
    assert await listed(admin, limit="2") == ["evt_5", "evt_4"]
    assert await listed(admin, limit="2", before="evt_4") == ["evt_3", "evt_2"]
    assert await listed(admin, key_id="key_0") == ["evt_4", "evt_2"]
    assert await listed(admin, job_id="job_000003") == ["evt_3"]
    assert await listed(admin, state="no_secret") == ["evt_5"]
    assert await listed(admin, key_id="%") == []
    answer = await admin.get("/admin/webhooks", params={"state": "lost"})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "state")


async def test_a_replay_is_due_at_once(site: Site, admin: httpx.AsyncClient) -> None:
    await put(site, 1, state=WebhookState.FAILED, due=None)
    answer = await admin.post("/admin/webhooks/evt_1/replay")
    shown = answer.json()
    assert (answer.status_code, shown["id"], shown["state"], shown["ended_at"]) == (200, "evt_1", "pending", None)
    assert abs(shown["next_try_at"] - site.gateway.now().timestamp()) < 60
    assert [tried["status"] for tried in shown["attempts"]] == [503]


@pytest.mark.parametrize("webhook_id", ["evt_none", "%25", "a%00b", "x" * 500])
async def test_an_unknown_webhook_is_404(admin: httpx.AsyncClient, webhook_id: str) -> None:
    answer = await admin.post(f"/admin/webhooks/{webhook_id}/replay")
    assert answer.status_code == 404
    assert error_of(answer)["param"] == "id"


async def test_a_key_gets_a_new_secret_and_the_change_is_told(site: Site, admin: httpx.AsyncClient) -> None:
    made = (await admin.post("/admin/keys", json={"name": "boats"})).json()
    answer = await admin.post(f"/admin/keys/{made['id']}/webhook-secret")
    renewed = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert renewed["webhook_secret"] not in (made["webhook_secret"], "")
    assert renewed["previous_valid_until"] > site.gateway.now().timestamp()
    (line, _) = (await admin.get("/admin/audit", params={"subject": made["id"]})).json()["data"]
    assert (line["action"], line["changes"]) == ("update", {"webhook_secret": {"from": "****", "to": "****"}})
    everything = (await admin.get("/admin/audit")).text + (await admin.get("/admin/keys")).text
    assert not any(secret in everything for secret in (made["webhook_secret"], renewed["webhook_secret"]))


@pytest.mark.parametrize("key_id", ["key_none", "a%00b"])
async def test_an_unknown_key_gets_no_secret(admin: httpx.AsyncClient, key_id: str) -> None:
    assert (await admin.post(f"/admin/keys/{key_id}/webhook-secret")).status_code == 404

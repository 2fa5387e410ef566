"""The pages of webhooks: what was told, how each try went, for the operator alone."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.jobs import JobStatus
from app.domain.webhooks import Webhook, WebhookState, WebhookTry
from app.store import webhooks as store
from tests.console.conftest import Rooms
from tests.store.samples import job

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOOK = 'https://app.example.com/hook?token=Wq7canaryZk3&n="><img src=x>'
ANSWER = "<script>alert(1)</script> come back later"


async def put(rooms: Rooms, number: int, state: WebhookState = WebhookState.PENDING, due: datetime | None = None) -> None:
    """A webhook that was tried once, in vain."""
    one = replace(job(number, key_id=f"key_{number % 2}"), status=JobStatus.COMPLETED, callback_url=HOOK)
    webhook = Webhook.of(one, NOW, f"evt_{number}")
    assert webhook is not None
    far = NOW + timedelta(days=36_500)
    async with rooms.site.gateway.database.write() as connection:
        await store.insert(connection, replace(webhook, due=far))
        held = await store.get(connection, webhook.id)
        assert held is not None
        tried = WebhookTry(at=NOW, milliseconds=1234, status=503, detail=ANSWER)
        await store.note_try(connection, held, tried, state, due or (far if state is WebhookState.PENDING else None), NOW)


async def listed(rooms: Rooms, **query: str) -> list[str]:
    """The ids on the page."""
    answer = await rooms.operator.get("/console/webhooks", params=query)
    assert answer.status_code == 200, answer.text
    return re.findall(r'href="/console/webhooks/(evt_\d+)"', answer.text)


async def test_the_list_is_filtered(rooms: Rooms) -> None:
    for number in range(1, 4):
        await put(rooms, number)
    await put(rooms, 4, WebhookState.FAILED)
    assert await listed(rooms) == ["evt_4", "evt_3", "evt_2", "evt_1"]
    assert await listed(rooms, state="failed") == ["evt_4"]
    assert await listed(rooms, key_id=" key_0 ") == ["evt_4", "evt_2"]
    assert await listed(rooms, job_id="job_000003", state="") == ["evt_3"]
    assert await listed(rooms, key_id="a\x00b") == []
    assert (await rooms.operator.get("/console/webhooks", params={"state": "lost"})).status_code == 400


async def test_a_long_list_goes_on_where_the_page_ended(rooms: Rooms) -> None:
    for number in range(1, 53):
        await put(rooms, number)
    page = (await rooms.operator.get("/console/webhooks", params={"state": "pending"})).text
    (address,) = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = (await rooms.operator.get(address.replace("&amp;", "&"))).text
    assert re.findall(r'href="/console/webhooks/(evt_\d+)"', rest) == ["evt_2", "evt_1"]
    assert "state=pending" in address


@pytest.mark.parametrize(("language", "said"), [("en", "given up"), ("zh-CN", "已放弃")])
async def test_one_webhook_shows_every_try_and_what_was_answered_as_text(rooms: Rooms, language: str, said: str) -> None:
    await put(rooms, 1, WebhookState.FAILED)
    answer = await rooms.operator.get("/console/webhooks/evt_1", headers={"accept-language": language})
    assert answer.status_code == 200
    for shown in (said, "HTTP 503", "1,234 ms", "&lt;script&gt;alert(1)&lt;/script&gt; come back later", "token=***"):
        assert shown in answer.text
    for hidden in ("<script>alert", "<img", "canary"):
        assert hidden not in answer.text
    assert 'data-call="/admin/webhooks/evt_1/replay"' in answer.text


async def test_a_try_that_is_near_is_waited_for(rooms: Rooms) -> None:
    await put(rooms, 1, WebhookState.FAILED)
    assert "data-soon" not in (await rooms.operator.get("/console/webhooks/evt_1")).text
    await put(rooms, 2, due=rooms.site.gateway.now() + timedelta(seconds=30))
    assert "data-soon" in (await rooms.operator.get("/console/webhooks/evt_2")).text


async def test_the_operator_sends_one_again(rooms: Rooms) -> None:
    await put(rooms, 1, WebhookState.FAILED)
    page = (await rooms.operator.get("/console/webhooks/evt_1")).text
    (csrf,) = re.findall(r'name="csrf" content="([^"]+)"', page)
    (call,) = re.findall(r'data-call="([^"]+/replay)"', page)
    answer = await rooms.operator.post(call, headers={"x-filmgate-csrf": csrf})
    assert (answer.status_code, answer.json()["state"]) == (200, "pending")


@pytest.mark.parametrize("webhook_id", ["evt_none", "%00", "%3Cscript%3E"])
async def test_an_unknown_webhook_is_a_page_that_says_so(rooms: Rooms, webhook_id: str) -> None:
    answer = await rooms.operator.get(f"/console/webhooks/{webhook_id}")
    assert answer.status_code == 404
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/console/webhooks", "/console/webhooks/evt_1"])
async def test_the_pages_are_the_operators(rooms: Rooms, path: str) -> None:
    await put(rooms, 1)
    assert (await rooms.holder.get(path)).status_code == 403
    assert (await rooms.nobody.get(path)).status_code == 303

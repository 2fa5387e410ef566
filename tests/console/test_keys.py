"""Keys in the console: a list, a form that shows a new key once, and a page for each."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.console.budgets import Budget, budget_of
from app.console.keys import state_of
from app.domain.channels import Key
from app.engine.sessions import CSRF_HEADER
from tests.console.conftest import Rooms
from tests.gateways import KEY

pytestmark = pytest.mark.anyio
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')


async def made(rooms: Rooms, **fields: Any) -> dict[str, Any]:
    """A key that the operator made in the browser."""
    found = re.search(r'<meta name="csrf" content="([0-9a-f]+)">', (await rooms.operator.get("/console/keys/new")).text)
    assert found is not None
    answer = await rooms.operator.post("/admin/keys", json={"name": "studio", **fields}, headers={CSRF_HEADER: found[1]})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("path", ["/console/keys", "/console/keys/new", f"/console/keys/{KEY.id}"])
async def test_the_pages_of_keys_are_the_operators(rooms: Rooms, path: str) -> None:
    assert (await rooms.operator.get(path)).status_code == 200
    assert (await rooms.holder.get(path)).status_code == 403
    assert (await rooms.nobody.get(path)).status_code == 303


async def test_the_list_shows_budget_limits_and_state(rooms: Rooms) -> None:
    await made(rooms, budget_usd="25", budget_period="month", rpm=60, max_concurrency=4)
    await made(rooms, name="asleep", enabled=False)
    page = (await rooms.operator.get("/console/keys")).text
    assert "$0.00 of $25.00 a month" in re.sub(r"\s+", " ", page)
    assert "60 requests a minute" in page
    assert "4 jobs at once" in page
    assert '<span class="badge idle">disabled</span>' in page


async def test_the_list_turns_its_pages(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.console.keys.PAGE", 1)
    first = (await rooms.operator.get("/console/keys")).text
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found is not None
    second = (await rooms.operator.get(found[1].replace("&amp;", "&"))).text
    assert "stranger" in first
    assert "stranger" not in second
    assert KEY.name in second


async def test_the_pages_speak_chinese(rooms: Rooms) -> None:
    await rooms.operator.get("/console/language/zh")
    assert "新建密钥" in (await rooms.operator.get("/console/keys")).text
    assert "创建密钥" in (await rooms.operator.get("/console/keys/new")).text
    assert "回调签名密钥" in (await rooms.operator.get(f"/console/keys/{KEY.id}")).text


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_a_text(rooms: Rooms, name: str) -> None:
    key = await made(rooms, name=name, groups=["<b>gold</b>"], models=[name])
    for path in ("/console/keys", f"/console/keys/{key['id']}", "/console/usage/groups"):
        page = (await rooms.operator.get(path)).text
        assert name not in page
        assert "<b>gold</b>" not in page
    assert "&lt;b&gt;gold&lt;/b&gt;" in page


async def test_no_page_holds_a_key_or_a_secret(rooms: Rooms) -> None:
    key = await made(rooms)
    for path in ("/console/keys", "/console/keys/new", f"/console/keys/{key['id']}"):
        page = (await rooms.operator.get(path)).text
        assert key["key"] not in page
        assert key["webhook_secret"] not in page
    assert f"<code>{key['key'][:7]}…</code>" in page


async def test_the_examples_wait_for_the_new_key_and_know_the_public_address(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    gateway.settings = gateway.settings.model_copy(update={"public_url": "https://gate.example.com"})
    page = (await rooms.operator.get("/console/keys/new")).text
    assert 'data-base="https://gate.example.com"' in page
    assert "curl {base}/v1/images/generations" in page
    assert page.count("{key}") == 7


async def test_the_form_offers_what_channels_have(rooms: Rooms) -> None:
    page = (await rooms.operator.get("/console/keys/new")).text
    assert '<option value="sandbox-video">' in page
    assert "Known: default" in page


async def test_the_page_of_a_key_tells_what_it_made(rooms: Rooms) -> None:
    await rooms.site.finished()
    page = (await rooms.operator.get(f"/console/keys/{KEY.id}")).text
    assert "some-video-model" in page
    assert 'aria-label="Spent over time"' in page or "Nothing was spent in this time." in page
    assert 'aria-label="Jobs over time, and how many of them failed"' in page
    assert f"/console/jobs?key_id={KEY.id}" in page


async def test_the_page_of_a_key_changes_it_by_the_admin_api(rooms: Rooms) -> None:
    page = (await rooms.operator.get(f"/console/keys/{KEY.id}")).text
    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/webhook-secret")):
        assert f'data-call="/admin/keys/{KEY.id}{path}" data-method="{method}"' in page


@pytest.mark.parametrize("name", ["key_none", "%00", "a%2Fb", "x" * 3_000])
async def test_a_key_that_there_is_not_is_a_page_that_says_so(shared_rooms: Rooms, name: str) -> None:
    assert (await shared_rooms.operator.get(f"/console/keys/{name}")).status_code == 404


def test_a_key_is_active_disabled_or_expired() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    key = Key(id="key_1", name="a", hash="", expires_at=now)
    assert state_of(key, now) == "expired"
    assert state_of(key, now - timedelta(seconds=1)) == "active"
    assert state_of(Key(id="key_1", name="a", hash="", enabled=False), now) == "disabled"


def test_what_is_held_counts_as_taken() -> None:
    budget = Budget(Decimal(10), Decimal(4), Decimal(1))
    assert (budget.share, budget.left) == (0.5, Decimal(5))


@pytest.mark.parametrize(("amount", "share"), [("0", 1.0), ("2", 2.0)])
def test_a_budget_that_is_less_than_what_was_spent_leaves_nothing(amount: str, share: float) -> None:
    budget = budget_of({"budget_usd": amount, "spent_usd": "4.000000", "reserved_usd": "0.000000"})
    assert budget is not None
    assert (budget.share, budget.left) == (share, Decimal(0))


def test_a_key_without_a_budget_has_no_bar() -> None:
    assert budget_of({"budget_usd": None}) is None

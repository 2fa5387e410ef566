"""The outbox: each webhook is claimed by one, ends once, and every try of it stays to be read."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.webhooks import Webhook, WebhookSecrets, WebhookState, WebhookTry
from app.store import keys as key_store
from app.store import webhooks as store
from app.store.database import Database
from app.store.secrets import Vault, WrongSecret
from app.store.webhooks import WebhookFilter
from tests.store.samples import HARD_TEXT, NOW, SECOND, key

pytestmark = pytest.mark.anyio

UNTIL = NOW + 120 * SECOND
VAULT = Vault(["tests"])


def webhook(number: int = 1, host: str = "app.example.com", **values: Any) -> Webhook:
    plain = Webhook(
        id=f"evt_{number}",
        key_id="key_a",
        job_id=f"job_{number}",
        url=f"https://{host}/hook?n={number}",
        type="video.completed",
        created_at=NOW,
        due=NOW,
    )
    return replace(plain, **values)


async def put(database: Database, *webhooks: Webhook) -> None:
    async with database.write() as connection:
        for one in webhooks:
            await store.insert(connection, one)


async def claimed(database: Database, now: datetime = NOW, limit: int = 10, full: tuple[str, ...] = ()) -> list[Webhook]:
    async with database.write() as connection:
        return await store.claim(connection, now=now, until=now + (UNTIL - NOW), limit=limit, full=full)


async def noted(
    database: Database, one: Webhook, state: WebhookState, due: datetime | None = None, *, status: int | None = None
) -> Webhook:
    tried = WebhookTry(at=NOW, milliseconds=12, status=status, detail=HARD_TEXT + "\0\ud800")
    async with database.write() as connection:
        await store.note_try(connection, one, tried, state, due, NOW + SECOND)
        found = await store.get(connection, one.id)
    assert found is not None
    return found


async def test_a_webhook_comes_back_as_it_was_put(database: Database) -> None:
    full = webhook(2, state=WebhookState.FAILED, tries=9, due=None, ended_at=NOW)
    await put(database, webhook(1), full)
    async with database.read() as connection:
        assert await store.get(connection, "evt_1") == webhook(1)
        assert await store.get(connection, "evt_2") == full
        assert await store.get(connection, "' OR 1=1") is None


async def test_a_webhook_is_claimed_once_until_the_claim_runs_out(database: Database) -> None:
    await put(database, webhook(1), webhook(2, due=NOW + SECOND), webhook(3, due=None))
    assert [one.id for one in await claimed(database)] == ["evt_1"]
    assert await claimed(database) == []
    assert [one.id for one in await claimed(database, NOW + SECOND)] == ["evt_2"]
    (again,) = await claimed(database, UNTIL)
    assert (again.id, again.tries, again.due) == ("evt_1", 0, UNTIL + (UNTIL - NOW))


async def test_the_longest_waiting_are_claimed_first_and_no_more_than_wanted(database: Database) -> None:
    await put(database, *(webhook(number, due=NOW - number * SECOND) for number in range(1, 6)))
    assert {one.id for one in await claimed(database, limit=2)} == {"evt_5", "evt_4"}


async def test_of_several_processes_one_gets_each_webhook(database: Database) -> None:
    await put(database, *(webhook(number) for number in range(20)))
    batches = await asyncio.gather(*(claimed(database, limit=5) for _ in range(8)))
    ids = [one.id for batch in batches for one in batch]
    assert sorted(ids) == sorted({f"evt_{number}" for number in range(20)})


async def test_receivers_that_have_enough_are_left_aside(database: Database) -> None:
    hosts = ("full.example.com", "full.example.com.au", "full_example.com", "full.example.com:8443")
    await put(database, *(webhook(number, host) for number, host in enumerate(hosts)))
    await put(database, webhook(9, url="https://full.example.com"), webhook(10, url="https://full.example.com?x"))
    full = ("https://full.example.com", "https://other.example.com")
    async with database.read() as connection:
        assert await store.any_due(connection, NOW, full)
    assert {one.id for one in await claimed(database, full=full)} == {"evt_1", "evt_2", "evt_3"}
    async with database.read() as connection:
        assert not await store.any_due(connection, NOW, full)
        assert await store.any_due(connection, NOW)


async def test_a_failure_is_due_again_and_a_success_is_the_end(database: Database) -> None:
    await put(database, webhook())
    (first,) = await claimed(database)
    failed = await noted(database, first, WebhookState.PENDING, NOW + 5 * SECOND, status=500)
    assert (failed.state, failed.tries, failed.due, failed.ended_at) == (WebhookState.PENDING, 1, NOW + 5 * SECOND, None)
    (second,) = await claimed(database, NOW + 5 * SECOND)
    told = await noted(database, second, WebhookState.DELIVERED, status=204)
    assert (told.state, told.tries, told.due, told.ended_at) == (WebhookState.DELIVERED, 2, None, NOW + SECOND)
    async with database.read() as connection:
        tries = (await store.tries_of(connection, ["evt_1"]))["evt_1"]
    assert [(tried.number, tried.status, tried.milliseconds) for tried in tries] == [(1, 500, 12), (2, 204, 12)]
    assert tries[0].detail == HARD_TEXT + "\ufffd\ufffd"


async def test_a_late_failure_of_a_lost_claim_undoes_nothing(database: Database) -> None:
    await put(database, webhook())
    (slow,) = await claimed(database)
    (other,) = await claimed(database, UNTIL)
    assert (await noted(database, slow, WebhookState.FAILED)).due == other.due
    assert (await noted(database, other, WebhookState.DELIVERED, status=200)).state is WebhookState.DELIVERED
    assert (await noted(database, other, WebhookState.PENDING, NOW)).state is WebhookState.DELIVERED
    async with database.read() as connection:
        assert len((await store.tries_of(connection, ["evt_1"]))["evt_1"]) == 3


async def test_what_a_lost_claim_delivered_is_delivered(database: Database) -> None:
    await put(database, webhook())
    (slow,) = await claimed(database)
    await claimed(database, UNTIL)
    assert (await noted(database, slow, WebhookState.DELIVERED, status=200)).due is None


async def test_a_webhook_that_is_forgotten_meanwhile_is_no_error(database: Database) -> None:
    async with database.write() as connection:
        await store.note_try(connection, webhook(), WebhookTry(at=NOW), WebhookState.DELIVERED, None, NOW)
        assert await store.tries_of(connection, ["evt_1"]) == {}


async def test_a_replay_starts_anew_and_keeps_what_was(database: Database) -> None:
    await put(database, webhook())
    (one,) = await claimed(database)
    await noted(database, one, WebhookState.FAILED, status=410)
    async with database.write() as connection:
        again = await store.replay(connection, "evt_1", UNTIL)
        assert await store.replay(connection, "evt_none", UNTIL) is None
    assert again == webhook(due=UNTIL)
    (two,) = await claimed(database, UNTIL)
    await noted(database, two, WebhookState.DELIVERED, status=200)
    async with database.read() as connection:
        tries = (await store.tries_of(connection, ["evt_1"]))["evt_1"]
    assert [(tried.number, tried.status) for tried in tries] == [(1, 410), (2, 200)]


async def test_a_page_turns_by_id_and_is_filtered(database: Database) -> None:
    await put(database, *(webhook(number) for number in range(1, 5)))
    await put(database, webhook(5, key_id="key_b", state=WebhookState.NO_SECRET, due=None, ended_at=NOW))

    async def ids(wanted: WebhookFilter, before: str | None = None, limit: int = 100) -> list[str]:
        async with database.read() as connection:
            return [one.id for one in await store.page(connection, wanted, before=before, limit=limit)]

    every = WebhookFilter()
    assert await ids(every, limit=2) == ["evt_5", "evt_4"]
    assert await ids(every, "evt_4", 2) == ["evt_3", "evt_2"]
    assert await ids(every, "evt_none") == []
    assert await ids(WebhookFilter(key_id="key_b")) == ["evt_5"]
    assert await ids(WebhookFilter(job_id="job_2")) == ["evt_2"]
    assert await ids(WebhookFilter(state=WebhookState.NO_SECRET)) == ["evt_5"]
    assert await ids(WebhookFilter(key_id="%")) == []


async def test_old_webhooks_are_forgotten_with_their_tries_and_pending_ones_are_not(database: Database) -> None:
    old, young = NOW - timedelta(days=9), NOW - timedelta(days=1)
    await put(database, webhook(1, created_at=old), *(webhook(n, due=None, ended_at=old) for n in (2, 3)))
    await put(database, webhook(4, due=None, ended_at=young))
    await noted(database, webhook(2), WebhookState.DELIVERED)
    async with database.write() as connection:
        await store.replay(connection, "evt_2", NOW)
        assert await store.purge(connection, NOW - timedelta(days=2), 10) == 1
        assert [one.id for one in await store.page(connection, WebhookFilter())] == ["evt_4", "evt_2", "evt_1"]
        assert await store.purge(connection, NOW, 10) == 1
    (again,) = await claimed(database, limit=1, full=("https://none.example.com",))
    assert again.id in {"evt_1", "evt_2"}


async def test_the_secrets_of_a_key_are_sealed_and_no_part_of_the_key(database: Database) -> None:
    wanted = WebhookSecrets("whsec_now", "whsec_before", NOW)
    async with database.write() as connection:
        await key_store.insert_one(connection, key(1))
        assert await key_store.webhook_secrets(connection, VAULT, "key_1") is None
        assert await key_store.webhook_secrets(connection, VAULT, "key_none") is None
        assert await key_store.put_webhook_secrets(connection, VAULT, "key_1", wanted)
        assert not await key_store.put_webhook_secrets(connection, VAULT, "key_none", wanted)
        await key_store.update_one(connection, key(1))
        assert await key_store.webhook_secrets(connection, VAULT, "key_1") == wanted
        assert await key_store.get(connection, "key_1") == key(1)
        row = (await connection.exec_driver_sql("SELECT webhook_secret, webhook_secret_before FROM keys")).one()
        assert not any("whsec" in text for text in row)
        with pytest.raises(WrongSecret):
            await key_store.webhook_secrets(connection, Vault(["another"]), "key_1")
        await key_store.put_webhook_secrets(connection, VAULT, "key_1", WebhookSecrets("whsec_next"))
        assert await key_store.webhook_secrets(connection, VAULT, "key_1") == WebhookSecrets("whsec_next")

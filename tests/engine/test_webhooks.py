"""Clients are told that their jobs have ended: signed, tried for a day, never where it must not go, by one process at a time."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook as Verifier

from app.domain.errors import InputRefused
from app.domain.jobs import Job, JobStatus
from app.domain.webhooks import DELAYS, Webhook, WebhookSecrets, WebhookState, WebhookTry
from app.engine import webhook_post
from app.engine.audit import Actor
from app.engine.callback_urls import check_callback
from app.engine.fetch import Fetcher
from app.engine.guard import Guard
from app.engine.webhook_secrets import SecretDesk, new_secret, signed_headers
from app.engine.webhooks import Deliveries
from app.store import audit as audit_store
from app.store import jobs as job_store
from app.store import keys as key_store
from app.store import webhooks as store
from app.store.database import Database
from app.store.secrets import Vault
from tests.databases import database, database_url
from tests.servers import Receive, Scope, Send, refused_port, serve
from tests.store.samples import job, key

__all__ = ["database", "database_url"]
pytestmark = pytest.mark.anyio

VAULT = Vault(["tests"])
SECRET, BEFORE = new_secret(), new_secret()
LOCAL = ("127.0.0.1",)


@dataclass
class Receiver:
    """A client's server; what it answers is set by the test, `/to/…` redirects."""

    status: int = 200
    body: bytes = b"thanks"
    redirect: int = 307
    headers: tuple[tuple[bytes, bytes], ...] = ()
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0
    gate: asyncio.Event | None = None
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        path = str(scope["path"])
        self.seen.append((path, {name.decode(): value.decode() for name, value in scope["headers"]}, body))
        async with self.news:
            self.news.notify_all()
        if self.gate is not None:
            await self.gate.wait()
        status, headers = self.status, [(b"content-type", b"text/plain"), *self.headers]
        if path.startswith("/to/"):
            status, headers = self.redirect, [(b"location", path.removeprefix("/to/").encode())]
        self.open -= 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    async def arrived(self, count: int = 1) -> None:
        """Returns when so many events have arrived."""
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.seen) >= count)

    @property
    def ids(self) -> list[str]:
        """The events that arrived."""
        return [headers["webhook-id"] for _, headers, _ in self.seen]


def told(of: Job, base: str) -> dict[str, Any]:
    return {"id": of.id, "status": of.status.value, "prompt": "纸船 🎬", "url": f"{base}/files/x"}


@dataclass
class Site:
    """An outbox, a receiver and a clock."""

    database: Database
    receiver: Receiver
    url: str
    fetcher: Fetcher
    moment: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def deliveries(self, render: Any = told, vault: Vault = VAULT) -> Deliveries:
        return Deliveries(self.database, vault, self.fetcher, render, lambda: self.moment, lambda: 0.0, random.Random(1))

    async def put(self, number: int = 1, path: str = "/hook", url: str = "", secrets: WebhookSecrets | None = None) -> str:
        """An ended job of a key of its own, and what is to be told of it."""
        one = replace(
            job(number, key_id=f"key_{number}"),
            status=JobStatus.COMPLETED,
            callback_url=url or self.url + path,
            base_url="https://gate",
        )
        webhook = Webhook.of(one, self.moment, f"evt_{number}")
        assert webhook is not None
        async with self.database.write() as connection:
            await key_store.insert_one(connection, replace(key(number), hash=f"{number:064}"))
            await key_store.put_webhook_secrets(connection, VAULT, f"key_{number}", secrets or WebhookSecrets(SECRET))
            await job_store.insert(connection, one, owner=None, route=[])
            await store.insert(connection, webhook)
        return webhook.id

    async def looked(self, deliveries: Deliveries | None = None) -> None:
        """One look, and everything that it started is over."""
        deliveries = deliveries or self.deliveries()
        await deliveries.look()
        await deliveries.settled()

    async def found(self, webhook_id: str = "evt_1") -> tuple[Webhook, list[WebhookTry]]:
        """The webhook and its tries, as they are stored."""
        async with self.database.read() as connection:
            webhook = await store.get(connection, webhook_id)
            tries = await store.tries_of(connection, [webhook_id])
        assert webhook is not None
        return webhook, tries.get(webhook_id, [])


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    receiver = Receiver()
    fetcher = Fetcher(Guard(LOCAL))
    async with serve(receiver) as url:
        yield Site(database, receiver, url, fetcher)
        await fetcher.aclose()


async def test_an_event_arrives_signed_and_is_told_once(site: Site) -> None:
    await site.put()
    await site.looked()
    await site.looked()
    ((path, headers, body),) = site.receiver.seen
    assert path == "/hook"
    assert json.loads(body) == {
        "type": "video.completed",
        "created_at": int(site.moment.timestamp()),
        "data": {"id": "job_000001", "status": "completed", "prompt": "纸船 🎬", "url": "https://gate/files/x"},
    }
    assert (headers["content-type"], headers["webhook-id"]) == ("application/json", "evt_1")
    assert headers["webhook-timestamp"] == str(int(site.moment.timestamp()))
    assert Verifier(SECRET).verify(body, headers) == json.loads(body)
    webhook, (tried,) = await site.found()
    assert (webhook.state, webhook.due, webhook.ended_at) == (WebhookState.DELIVERED, None, site.moment)
    assert (tried.number, tried.status, tried.detail) == (1, 200, "thanks")


async def test_for_a_day_the_secret_before_signs_along(site: Site) -> None:
    held = WebhookSecrets(BEFORE).renewed(SECRET, site.moment)
    await site.put(1, secrets=held)
    await site.looked()
    site.moment += timedelta(hours=24)
    await site.put(2, secrets=held)
    await site.looked()
    (_, both, body), (_, one, _) = site.receiver.seen
    assert Verifier(SECRET).verify(body, both) == Verifier(BEFORE).verify(body, both)
    assert (len(both["webhook-signature"].split()), len(one["webhook-signature"].split())) == (2, 1)


async def test_empty_webhook_secret_disables_feature(site: Site) -> None:
    await site.put(1)
    await site.put(2)
    async with site.database.write() as connection:
        await connection.execute(text("UPDATE keys SET webhook_secret = NULL WHERE id = 'key_1'"))
        await connection.execute(text("UPDATE keys SET webhook_secret = '' WHERE id = 'key_2'"))
    await site.looked()
    assert site.receiver.seen == []
    for webhook_id in ("evt_1", "evt_2"):
        webhook, (tried,) = await site.found(webhook_id)
        assert (webhook.state, webhook.due) == (WebhookState.NO_SECRET, None)
        assert tried.status is None
        assert "nothing is sent unsigned" in str(tried.detail)
    secret = (await SecretDesk(site.database, VAULT, lambda: site.moment, Actor("admin")).renew("key_1")).secret
    async with site.database.write() as connection:
        await store.replay(connection, "evt_1", site.moment)
    await site.looked()
    ((_, headers, body),) = site.receiver.seen
    assert Verifier(secret).verify(body, headers)


async def test_a_key_that_is_gone_tells_nobody(site: Site) -> None:
    await site.put()
    async with site.database.write() as connection:
        await key_store.delete_one(connection, "key_1")
    await site.looked()
    assert site.receiver.seen == []
    assert (await site.found())[0].state is WebhookState.NO_SECRET


async def test_a_deleted_job_is_not_told_of(site: Site) -> None:
    await site.put()
    async with site.database.write() as connection:
        await job_store.delete_one(connection, "job_000001", "key_1")
    await site.looked()
    assert site.receiver.seen == []
    webhook, (tried,) = await site.found()
    assert (webhook.state, tried.detail) == (WebhookState.FAILED, "The job was deleted; there is nothing left to tell.")


@pytest.mark.parametrize("status", [301, 302, 304, 400, 401, 404, 429, 500, 503])
async def test_a_receiver_that_says_no_is_asked_again_for_a_day(site: Site, status: int) -> None:
    site.receiver.status, started = status, site.moment
    await site.put()
    while (due := (await site.found())[0].due) is not None:
        site.moment = due - timedelta(seconds=1)
        await site.looked()
        site.moment = due
        await site.looked()
    webhook, tries = await site.found()
    assert webhook.state is WebhookState.FAILED
    assert [tried.status for tried in tries] == [status] * (len(DELAYS) + 1)
    assert len(tries) >= 8
    assert site.moment - started >= timedelta(hours=24)
    assert set(site.receiver.ids) == {"evt_1"}
    assert len({headers["webhook-timestamp"] for _, headers, _ in site.receiver.seen}) == len(tries)


@pytest.mark.parametrize(("status", "heard"), [(429, True), (503, True), (500, False)])
async def test_a_receiver_that_is_busy_is_left_alone_for_as_long_as_it_asks(site: Site, status: int, heard: bool) -> None:
    site.receiver.status, site.receiver.headers = status, ((b"retry-after", b"9"),)
    await site.put()
    await site.looked()
    due = (await site.found())[0].due
    assert (due == site.moment + timedelta(seconds=9)) is heard


async def test_a_receiver_that_is_gone_is_left_alone(site: Site) -> None:
    site.receiver.status = 410
    await site.put()
    await site.looked()
    webhook, (tried,) = await site.found()
    assert (webhook.state, tried.status) == (WebhookState.FAILED, 410)


async def test_a_receiver_that_comes_back_gets_what_it_missed(site: Site) -> None:
    site.receiver.status = 503
    await site.put()
    await site.looked()
    site.receiver.status = 204
    site.moment += timedelta(seconds=7)
    await site.looked()
    webhook, tries = await site.found()
    assert (webhook.state, [tried.status for tried in tries]) == (WebhookState.DELIVERED, [503, 204])


async def test_nobody_there_is_tried_again(site: Site) -> None:
    await site.put(url=f"http://127.0.0.1:{refused_port()}/hook")
    await site.looked()
    webhook, (tried,) = await site.found()
    assert webhook.state is WebhookState.PENDING
    assert tried.status is None
    assert "could not be reached" in str(tried.detail)


async def test_a_receiver_that_is_silent_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_post, "TIMEOUT", 0.2)
    site.receiver.gate = asyncio.Event()
    await site.put()
    await site.looked()
    webhook, (tried,) = await site.found()
    assert (webhook.state, tried.status) == (WebhookState.PENDING, None)
    assert "did not answer in time" in str(tried.detail)


async def test_a_status_counts_though_its_body_is_endless_or_holds_a_secret(site: Site) -> None:
    site.receiver.body = f"{SECRET} {BEFORE} token=abcdefghijkl \0".encode() + b"x " * 200_000
    await site.put()
    await site.looked()
    webhook, (tried,) = await site.found()
    assert (webhook.state, tried.status) == (WebhookState.DELIVERED, 200)
    assert tried.detail is not None
    assert len(tried.detail) <= 1_000
    assert not any(secret in tried.detail for secret in (SECRET, BEFORE, "abcdefghijkl"))


@pytest.mark.parametrize("status", [307, 308])
async def test_a_moved_receiver_is_followed_with_the_same_bytes(site: Site, status: int) -> None:
    site.receiver.redirect = status
    await site.put(path="/to//to//to//hook")
    await site.looked()
    assert [path for path, _, _ in site.receiver.seen] == ["/to//to//to//hook", "/to//to//hook", "/to//hook", "/hook"]
    assert len({(headers["webhook-signature"], body) for _, headers, body in site.receiver.seen}) == 1
    assert (await site.found())[0].state is WebhookState.DELIVERED


async def test_a_loop_of_redirects_ends(site: Site) -> None:
    await site.put(path="/to//to//to//to//hook")
    await site.looked()
    assert len(site.receiver.seen) == 4
    assert "more than 3 times" in str((await site.found())[1][0].detail)


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_that_would_lose_the_body_is_not_followed(site: Site, status: int) -> None:
    site.receiver.redirect = status
    await site.put(path="/to//hook")
    await site.looked()
    assert len(site.receiver.seen) == 1
    assert (await site.found())[1][0].status == status


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/", "https://10.0.0.1/", "https://metadata.google.internal/", "http://app.example.com/", "file:///etc"],
)
async def test_redirect_to_private_blocked_on_webhook(site: Site, target: str) -> None:
    await site.put(path=f"/to/{target}")
    await site.looked()
    assert len(site.receiver.seen) == 1
    webhook, (tried,) = await site.found()
    assert (webhook.state, tried.status) == (WebhookState.PENDING, None)
    assert str(tried.detail).startswith("After 1 redirect(s): The URL ")


async def test_a_redirect_away_from_https_and_listed_hosts_is_not_followed(site: Site) -> None:
    await site.put(path="/to/http://app.example.com/")
    await site.looked()
    assert (await site.found())[1][0].detail == "After 1 redirect(s): The URL is not https."


async def test_what_a_stored_address_leads_to_is_judged_when_it_is_used(site: Site) -> None:
    closed = Fetcher(Guard())
    await site.put()
    await site.looked(replace(site, fetcher=closed).deliveries())
    await closed.aclose()
    assert site.receiver.seen == []
    assert "private address" in str((await site.found())[1][0].detail)


async def test_two_processes_tell_each_event_once(site: Site) -> None:
    for number in range(12):
        await site.put(number)
    one, two = site.deliveries(), site.deliveries()
    for _ in range(6):
        await asyncio.gather(one.look(), two.look())
        await asyncio.gather(one.settled(), two.settled())
    assert sorted(site.receiver.ids) == sorted(f"evt_{number}" for number in range(12))


async def test_one_slow_receiver_does_not_hold_up_another(site: Site) -> None:
    slow = Receiver(gate=asyncio.Event())
    async with serve(slow) as url:
        deliveries = site.deliveries()
        for number in range(10):
            await site.put(number, url=f"{url}/hook")
            if number == 2:
                await deliveries.look()  # three run, and there is room for one more
        site.moment += timedelta(seconds=1)
        await site.put(20)
        await deliveries.look()
        await site.receiver.arrived()
        await slow.arrived(4)
        await deliveries.look()
        assert slow.open == 4
        assert slow.gate is not None
        slow.gate.set()
        await deliveries.settled()
        for _ in range(3):
            await site.looked(deliveries)
    assert slow.most_open == 4
    assert len(set(slow.ids)) == 10
    assert site.receiver.ids == ["evt_20"]


async def test_what_dies_on_the_way_is_told_by_another_process(site: Site) -> None:
    site.receiver.gate = asyncio.Event()
    await site.put()
    dying = site.deliveries()
    await dying.look()
    await site.receiver.arrived()
    await dying.drain(0)
    assert (await site.found())[1] == []
    site.receiver.gate.set()
    await site.looked()
    assert len(site.receiver.seen) == 1
    site.moment += timedelta(minutes=2)
    await site.looked()
    assert site.receiver.ids == ["evt_1", "evt_1"]
    assert (await site.found())[0].state is WebhookState.DELIVERED


async def test_a_drain_waits_for_what_runs_and_starts_nothing(site: Site) -> None:
    site.receiver.gate = asyncio.Event()
    await site.put(1)
    deliveries = site.deliveries()
    await deliveries.look()
    await site.receiver.arrived()
    draining = asyncio.create_task(deliveries.drain(10))
    await site.put(2)
    site.receiver.gate.set()
    await draining
    await deliveries.look()
    await deliveries.drain(10)
    assert site.receiver.ids == ["evt_1"]
    assert (await site.found())[0].state is WebhookState.DELIVERED


async def test_an_event_that_cannot_be_written_stops_no_other(site: Site) -> None:
    def broken(of: Job, base: str) -> dict[str, Any]:
        if of.id == "job_000001":
            raise RuntimeError("a fault of ours")
        return told(of, base)

    await site.put(1)
    await site.put(2)
    await site.looked(site.deliveries(broken))
    assert site.receiver.ids == ["evt_2"]
    webhook, (tried,) = await site.found()
    assert (webhook.state, tried.detail) == (WebhookState.PENDING, "The event could not be written; the log says why.")


async def test_a_secret_that_cannot_be_opened_signs_nothing_and_may_be_mended(site: Site) -> None:
    await site.put()
    await site.looked(site.deliveries(vault=Vault(["another"])))
    assert site.receiver.seen == []
    assert (await site.found())[0].state is WebhookState.PENDING
    site.moment += timedelta(minutes=1)
    await site.looked()
    assert site.receiver.ids == ["evt_1"]


async def test_a_replay_has_the_same_id_and_tells_of_the_job_as_it_is(site: Site) -> None:
    await site.put()
    await site.looked()
    async with site.database.write() as connection:
        await store.replay(connection, "evt_1", site.moment)
    await site.looked()
    assert site.receiver.ids == ["evt_1", "evt_1"]
    assert [tried.number for tried in (await site.found())[1]] == [1, 2]


async def test_the_loop_hears_of_news_at_once(site: Site) -> None:
    deliveries = site.deliveries()
    loop = asyncio.create_task(deliveries.run())
    for number in (1, 2):
        await site.put(number)
        deliveries.wake()
        await site.receiver.arrived(number)
    await deliveries.drain(10)
    async with asyncio.timeout(5):
        await loop


async def test_a_new_secret_is_told_in_the_audit_log_and_not_shown_there(site: Site) -> None:
    await site.put()
    renewed = await SecretDesk(site.database, VAULT, lambda: site.moment, Actor("admin")).renew("key_1")
    assert renewed.before_until == site.moment + timedelta(hours=24)
    assert renewed.secret not in repr(renewed)
    async with site.database.read() as connection:
        (line,) = await audit_store.page(connection)
        held = await key_store.webhook_secrets(connection, VAULT, "key_1")
    assert held == WebhookSecrets(renewed.secret, SECRET, renewed.before_until)
    assert (line.action, line.kind, line.subject) == ("update", "key", "key_1")
    assert line.changes == {"webhook_secret": {"from": "****", "to": "****"}}


async def test_a_secret_under_a_lost_secret_key_can_be_renewed(site: Site) -> None:
    await site.put()
    renewed = await SecretDesk(site.database, Vault(["another"]), lambda: site.moment, Actor("admin")).renew("key_1")
    assert renewed.before_until is None


def test_secrets_are_long_and_without_a_mark_at_which_a_click_ends() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.removeprefix("whsec_").isalnum() and len(secret) == 50 for secret in secrets)


def test_webhook_vectors_of_standard_webhooks_libraries() -> None:
    # the vector with which the libraries of Standard Webhooks test themselves
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], at
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    "url", ["https://app.example.com/hook", "https://app.example.com:8443", "http://hooks.lan/x", "http://10.1.2.3/"]
)
def test_https_and_listed_hosts_may_be_told(url: str) -> None:
    check_callback(url, Guard(("hooks.lan", "10.0.0.0/8")), "callback_url")


@pytest.mark.parametrize(
    "url",
    ["http://app.example.com/", "https://10.1.2.3/", "https://localhost/", "ftp://hooks.lan/", "https://a@b.example.com", "x"],
)
def test_other_addresses_are_refused_by_the_clients_own_name(url: str) -> None:
    with pytest.raises(InputRefused) as refused:
        check_callback(url, Guard(("hooks.lan",)), "notify_url")
    assert (refused.value.param, refused.value.code) == ("notify_url", "invalid_value")

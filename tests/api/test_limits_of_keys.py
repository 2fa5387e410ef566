"""From where and how often a key may be used: mostly by a small application that asks for nothing but a key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.api import errors, middleware
from app.api.answers import json_answer
from app.api.deps import CurrentKey, GatewayDep, base_url
from app.cli.serving import configured
from app.domain.channels import Key
from app.engine.rates import Rates, rates_of
from app.engine.turns import Refusals
from app.settings import Settings
from app.store.database import Database
from tests.api.conftest import STRANGER, VIDEO, error_of, site_on
from tests.databases import fresh_database
from tests.gateways import KEY, KEY_TEXT

pytestmark = pytest.mark.anyio
START = datetime(2026, 3, 1, 12, 30, 7, tzinfo=UTC)
POSTS = (
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/video/generations",
    "/v1/videos",
    "/v1/videos/edits",
    "/v1/videos/video_1/remix",
    "/v1/webhook-secret",
)


class Clock:
    """One moment, for the window of the rate too."""

    def time(self) -> float:
        return START.timestamp()


@dataclass
class Keys:
    """One key, as the configuration would know it."""

    key_held: Key

    def key(self, text: str) -> Key | None:
        return self.key_held if text == KEY_TEXT else None


@dataclass
class Memory:
    """What is remembered of requests: those that were refused."""

    refusals: Refusals = field(default_factory=Refusals)


@dataclass
class Gate:
    """As much of a gateway as asking for a key needs."""

    rates: Rates
    configuration: Keys
    settings: Settings = field(default_factory=lambda: Settings(_env_file=None))
    replays: Memory = field(default_factory=Memory)

    def now(self) -> datetime:
        return START


async def say_so(request: Request, key: CurrentKey, gateway: GatewayDep) -> Response:
    return json_answer({"key": key.id, "base": base_url(request, gateway)})


@pytest.fixture
async def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gate]:
    """A gate with a key that has no limit."""
    monkeypatch.setattr("limits.aio.storage.memory.time", Clock())
    with fresh_database("sqlite", tmp_path) as url:
        database = Database.open(url)
        yield Gate(rates_of(database, "worker_1", "", lambda: START, lambda: 0.0), Keys(KEY))
        await database.close()


@asynccontextmanager
async def client_at(gate: Gate, peer: str | None = "192.0.2.1", **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that connects from this address and shows the key."""
    app = FastAPI()
    app.state.gateway = gate
    errors.install(app)
    middleware.install(app, gate.settings)
    app.add_api_route("/{path:path}", say_so, methods=["GET", "POST", "DELETE", "HEAD"])
    transport = httpx.ASGITransport(app, client=None if peer is None else (peer, 50_000))  # type: ignore[arg-type]  # ASGI: may be None
    shown = {"authorization": f"Bearer {KEY_TEXT}", **headers}
    async with httpx.AsyncClient(transport=transport, base_url="http://gate.example.com", headers=shown) as client:
        yield client


def limit(gate: Gate, **fields: Any) -> None:
    gate.configuration.key_held = replace(KEY, **fields)


def trust(gate: Gate, proxies: int, **settings: Any) -> None:
    gate.settings = Settings(_env_file=None, trusted_proxies=proxies, **settings)


async def test_a_post_too_many_is_a_429_that_says_when_to_come_back(gate: Gate) -> None:
    limit(gate, rpm=3)
    async with client_at(gate) as client:
        allowed = [(await client.post("/v1/videos")).status_code for _ in range(3)]
        refused = await client.post("/v1/images/generations")
    assert allowed == [200, 200, 200]
    assert (refused.status_code, error_of(refused)["code"], error_of(refused)["type"]) == (
        429,
        "rate_limit_exceeded",
        "rate_limit_error",
    )
    assert refused.headers["retry-after"] == "54"
    assert "3 requests a minute" in error_of(refused)["message"]
    assert "x-should-retry" not in refused.headers


@pytest.mark.parametrize("path", POSTS)
async def test_every_post_that_asks_for_something_counts(gate: Gate, path: str) -> None:
    limit(gate, rpm=1)
    async with client_at(gate) as client:
        assert (await client.post(path)).status_code == 200
        assert (await client.post("/v1/videos")).status_code == 429


async def test_reading_deleting_and_cancelling_never_count(gate: Gate) -> None:
    limit(gate, rpm=1)
    async with client_at(gate) as client:
        for _ in range(5):
            assert (await client.post("/v1/videos/video_1/cancel")).status_code == 200
            for method in ("GET", "HEAD", "DELETE"):
                assert (await client.request(method, "/v1/videos/video_1")).status_code == 200
        assert (await client.post("/v1/videos")).status_code == 200
        assert (await client.post("/v1/videos")).status_code == 429
        assert (await client.get("/v1/videos/video_1")).status_code == 200
        assert (await client.post("/v1/videos/video_1/cancel")).status_code == 200


async def test_the_whole_application_refuses_a_post_too_many_and_still_answers_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limits.aio.storage.memory.time", Clock())
    async with site_on(tmp_path, keys=(replace(KEY, rpm=2), STRANGER)) as site:
        made = [await site.created(), await site.created()]
        refused = await site.client.post("/v1/videos", json=VIDEO)
        read = [(await site.client.get(f"/v1/videos/{job['id']}")).status_code for job in made]
        other = await site.stranger.post("/v1/videos", json=VIDEO)
    assert (refused.status_code, error_of(refused)["code"]) == (429, "rate_limit_exceeded")
    assert (read, other.status_code, site.vendor.creates()) == ([200, 200], 200, 3)


async def test_a_key_without_a_limit_is_not_counted(gate: Gate) -> None:
    async with client_at(gate) as client:
        assert {(await client.post("/v1/videos")).status_code for _ in range(30)} == {200}


async def test_a_refused_address_is_a_403_that_tells_nothing_and_counts_for_nothing(gate: Gate) -> None:
    limit(gate, rpm=1, allowed_ips=("192.0.2.0/24",))
    async with client_at(gate, "198.51.100.7") as outside, client_at(gate) as inside:
        for method in ("GET", "POST", "DELETE"):
            refused = await outside.request(method, "/v1/videos")
            assert (refused.status_code, error_of(refused)["code"]) == (403, "ip_not_allowed")
            assert "192.0.2" not in refused.text
            assert "198.51" not in refused.text
        assert (await inside.post("/v1/videos")).status_code == 200


@pytest.mark.parametrize("peer", ["192.0.2.77", "::ffff:192.0.2.77", "2001:db8::1"])
async def test_an_allowed_address_passes_in_every_spelling(gate: Gate, peer: str) -> None:
    limit(gate, allowed_ips=("192.0.2.0/24", "2001:db8::1"))
    async with client_at(gate, peer) as client:
        assert (await client.get("/v1/models")).status_code == 200


async def test_a_peer_without_an_address_is_in_no_list(gate: Gate) -> None:
    async with client_at(gate, None) as client:
        assert (await client.get("/v1/models")).status_code == 200
        limit(gate, allowed_ips=("0.0.0.0/0", "::/0"))
        assert (await client.get("/v1/models")).status_code == 403


async def test_without_proxies_of_ours_nobody_can_say_that_he_comes_from_elsewhere(gate: Gate) -> None:
    limit(gate, allowed_ips=("192.0.2.1",))
    async with client_at(gate, "198.51.100.7", **{"x-forwarded-for": "192.0.2.1", "x-real-ip": "192.0.2.1"}) as client:
        assert (await client.get("/v1/models")).status_code == 403


def test_the_server_itself_believes_no_proxy() -> None:
    config = configured(60, "127.0.0.1", 8000, 1)
    assert config.proxy_headers is False


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("192.0.2.1", 200),
        ("192.0.2.1:40000", 200),
        ("198.51.100.7, 192.0.2.1", 200),
        ("192.0.2.1, 198.51.100.7", 403),
        ("nonsense", 403),
    ],
)
async def test_behind_a_proxy_of_ours_what_it_heard_decides(gate: Gate, forwarded: str, status: int) -> None:
    limit(gate, allowed_ips=("192.0.2.1",))
    trust(gate, 1)
    async with client_at(gate, "10.0.0.1", **{"x-forwarded-for": forwarded}) as client:
        assert (await client.get("/v1/models")).status_code == status


@pytest.mark.parametrize(
    ("proxies", "said", "scheme"),
    [
        (0, "https", "http"),
        (1, "https", "https"),
        (1, "HTTPS", "https"),
        (2, "http, https", "https"),
        (1, "https, http", "http"),
        (1, "javascript", "http"),
        (1, "", "http"),
    ],
)
async def test_links_have_the_scheme_that_the_nearest_proxy_of_ours_heard(gate: Gate, proxies: int, said: str, scheme: str) -> None:
    trust(gate, proxies)
    async with client_at(gate, **{"x-forwarded-proto": said}) as client:
        assert (await client.get("/v1/models")).json()["base"] == f"{scheme}://gate.example.com"


async def test_the_public_address_wins_over_what_a_proxy_says(gate: Gate) -> None:
    trust(gate, 1, public_url="https://films.example.com")
    async with client_at(gate, **{"x-forwarded-proto": "http"}) as client:
        assert (await client.get("/v1/models")).json()["base"] == "https://films.example.com"


async def test_what_follows_a_refused_request_is_no_retry_of_an_earlier_one(gate: Gate) -> None:
    limit(gate, rpm=1)
    async with client_at(gate) as client:
        assert [(await client.post("/v1/videos")).status_code for _ in range(2)] == [200, 429]
    assert [gate.replays.refusals.take(KEY.id, "any", START) for _ in range(2)] == [True, False]

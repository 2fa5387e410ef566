"""Which texts are a key, and what has no say in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from app.api.deps import shown_key
from app.store.keys import hash_key
from tests.api.conftest import Site, client_of, error_of, site_on
from tests.gateways import KEY, KEY_TEXT

pytestmark = pytest.mark.anyio
SHOWN = [
    {"authorization": f"Bearer {KEY_TEXT}"},
    {"authorization": f"bearer {KEY_TEXT}"},
    {"authorization": f"BEARER  {KEY_TEXT} "},
    {"authorization": f"Bearer: {KEY_TEXT}"},
    {"authorization": f"Bearer:{KEY_TEXT}"},
    {"authorization": KEY_TEXT},
    {"api-key": KEY_TEXT},
    {"x-api-key": KEY_TEXT},
    {"authorization": "", "api-key": KEY_TEXT},
    {"authorization": "Bearer", "x-api-key": KEY_TEXT},
    {"authorization": "Basic dTpw", "x-api-key": KEY_TEXT},
]
NOT_SHOWN = [{}, {"authorization": ""}, {"authorization": "Bearer "}, {"authorization": "Basic dTpw"}, {"api-key": " "}]
HOSTILE = [
    {"host": "evil.example.com/healthz?"},
    {"host": "gate.example.com/files/x#"},
    {"host": "localhost:8000@evil"},
    {"host": "[::1"},
    {"host": ""},
    {"x-forwarded-host": "gate.example.com/healthz"},
    {"x-forwarded-prefix": "/healthz"},
    {"x-original-url": "/healthz"},
    {"x-rewrite-url": "/files/x"},
    {"x-forwarded-path": "/docs"},
    {"x-http-method-override": "GET"},
]


@pytest.mark.parametrize("headers", SHOWN)
def test_every_spelling_of_a_key_is_read(headers: dict[str, str]) -> None:
    assert shown_key(Headers(headers)) == KEY_TEXT


@pytest.mark.parametrize("headers", NOT_SHOWN)
def test_nothing_shown_is_no_key(headers: dict[str, str]) -> None:
    assert shown_key(Headers(headers)) is None


@pytest.mark.parametrize("headers", SHOWN)
async def test_every_spelling_opens_the_door(shared_site: Site, headers: dict[str, str]) -> None:
    async with client_of(shared_site.app, **headers) as client:
        assert (await client.get("/v1/models")).status_code == 200


@pytest.mark.parametrize("text", ["sk-unknown", "' OR 1=1 --", "%", "sk-test-1\u00e9", "x" * 10_000, "sk-test-"])
async def test_an_unknown_key_is_401_whatever_it_holds(shared_site: Site, text: str) -> None:
    async with client_of(shared_site.app) as client:
        answer = await client.get("/v1/models", headers={b"authorization": f"Bearer {text}".encode()})
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "invalid_api_key"


@pytest.mark.parametrize("headers", HOSTILE)
async def test_badhost_header_cannot_change_auth_outcome(shared_site: Site, headers: dict[str, str]) -> None:
    async with client_of(shared_site.app) as nobody:
        assert (await nobody.get("/v1/models", headers=headers)).status_code == 401
        assert (await nobody.post("/v1/videos", headers=headers, json={})).status_code == 401
        assert (await nobody.get("/healthz", headers=headers)).status_code == 200
    assert (await shared_site.client.get("/v1/models", headers=headers)).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.com/healthz?", "[::1", "", 'a"><script>', "a b"])
async def test_a_host_that_is_none_does_not_get_into_links(site: Site, host: str) -> None:
    job = await site.finished()
    found = (await site.client.get(f"/v1/videos/{job['id']}", headers={"host": host})).json()
    assert found["url"].startswith("http://gate.example.com/files/")


async def test_expired_and_disabled_keys_are_401(tmp_path: Path) -> None:
    expired = replace(KEY, id="old", hash=hash_key("sk-old"), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    disabled = replace(KEY, id="off", hash=hash_key("sk-off"), enabled=False)
    async with site_on(tmp_path, keys=[expired, disabled]) as site:
        for text in ("sk-old", "sk-off"):
            async with client_of(site.app, text) as client:
                answer = await client.get("/v1/models")
            assert answer.status_code == 401
            assert error_of(answer)["code"] == "invalid_api_key"

"""Hundreds of broken bodies for every POST endpoint: each gets an answer of the contract's shape, and none costs anything."""

import base64
import random
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.api.conftest import Site, error_of, site_on
from tests.api.vendor import PIXEL
from tests.domain.examples import EXAMPLES, flattened
from tests.gateways import CHANNEL, KEY
from tests.hostile.conftest import admin_of, row_count
from tests.hostile.mutations import BOUNDARY, FORM_TYPE, Part, Sent, form_mutant, json_mutant, written

pytestmark = pytest.mark.anyio

_SEED = 20_261_120
_JSONS, _FORMS, _ADMINS = 150, 110, 90  # mutants for one endpoint
_PATHS = create_app(Settings(secret_key="tests", _env_file=None)).openapi()["paths"]
POSTS = sorted(path for path, operations in _PATHS.items() if "post" in operations)
BODILESS = ("/v1/webhook-secret", "/admin/keys/{key_id}/webhook-secret", "/admin/webhooks/{webhook_id}/replay")
CLIENT = [path for path in POSTS if not path.startswith("/admin/") and path not in BODILESS]
ADMIN = [path for path in POSTS if path.startswith("/admin/") and path not in BODILESS]
_PNG = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
_INLINE = {"model": "gpt-image-1.5", "prompt": "a paper boat", "image": [_PNG], "size": "1024x1024", "n": 2}
_CHANNEL = {
    "name": "another",
    "adapter": "openai",
    "base_url": "https://another.example.com",
    "credentials": [{"api_key": "canary-of-another"}],
    "models": {"public": "upstream"},
    "groups": ["default"],
    "priority": 3,
    "weight": 2,
    "price_ratio": 1,
    "prices": {"public": {"unit": "second", "usd": "0.05"}},
    "overrides": {"set": {"tier": "high"}, "drop": ["user"]},
    "enabled": True,
}
_ADMIN_BODIES: Mapping[str, Mapping[str, Any]] = {
    "/admin/channels": _CHANNEL,
    "/admin/channels/test": _CHANNEL,
    "/admin/channels/{channel_id}/test": {},
    "/admin/keys": {
        "name": "somebody",
        "groups": ["default"],
        "models": ["m"],
        "expires_at": "2030-01-01T00:00:00Z",
        "strict": True,
    },
    "/admin/explain": {"path": "/v1/videos", "json": {"model": "m", "prompt": "p", "seconds": "5"}, "group": "default"},
}


def test_the_endpoints_come_from_the_application() -> None:
    assert {"/v1/videos", "/v1/video/generations", "/v1/images/generations", "/v1/images/edits"} <= set(CLIENT)
    assert set(ADMIN) <= set(_ADMIN_BODIES)


@pytest.mark.parametrize("path", CLIENT)
async def test_a_mutated_json_body_is_served_or_refused_by_contract(path: str, tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=[CHANNEL], max_body_mb=1) as site:
        rng, fuzz = _rng(path, "json"), Fuzz(site, site.client)
        source = (await site.finished(seconds="4"))["id"]
        bodies = _bodies(path, source)
        for _ in range(_JSONS):
            await fuzz.send(path.replace("{job_id}", source), json_mutant(rng, rng.choice(bodies)))
        assert fuzz.refused > _JSONS // 4


@pytest.mark.parametrize("path", CLIENT)
async def test_a_mutated_multipart_body_is_served_or_refused_by_contract(path: str, tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=[CHANNEL], max_body_mb=1) as site:
        rng, fuzz = _rng(path, "form"), Fuzz(site, site.client)
        source = (await site.finished(seconds="4"))["id"]
        forms = [_parts(body) for body in _bodies(path, source)]
        for _ in range(_FORMS):
            await fuzz.send(path.replace("{job_id}", source), form_mutant(rng, rng.choice(forms)))
        assert fuzz.refused > _FORMS // 4


@pytest.mark.parametrize("path", ADMIN)
async def test_a_mutated_admin_body_never_breaks_anything_and_starts_no_job(path: str, tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=[CHANNEL], max_body_mb=1) as site:
        rng = _rng(path, "admin")
        async with admin_of(site) as admin:
            taken = 0
            for _ in range(_ADMINS):
                sent = json_mutant(rng, _ADMIN_BODIES[path])
                answer = await admin.post(
                    path.replace("{channel_id}", CHANNEL.id), content=sent.content, headers=list(sent.headers)
                )
                taken += answer.status_code in (200, 201)
                assert answer.status_code in (200, 201) or _refusal(answer), _told(path, sent, answer)
        assert taken > 0
        assert site.vendor.creates() == 0
        assert await row_count(site) == 0
        assert (await site.created())["status"] == "queued"


@pytest.mark.parametrize("path", BODILESS)
async def test_a_body_where_none_is_read_changes_nothing(path: str, tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=[CHANNEL], max_body_mb=1) as site:
        rng = _rng(path, "bodiless")
        async with admin_of(site) as admin:
            client = admin if path.startswith("/admin/") else site.client
            for _ in range(_ADMINS // 3):
                sent = json_mutant(rng, {"id": "other", "secret": "whsec_mine"})
                answer = await client.post(path.replace("{key_id}", KEY.id), content=sent.content, headers=list(sent.headers))
                assert answer.status_code == 200 or _refusal(answer), _told(path, sent, answer)
                assert "whsec_mine" not in answer.text
        assert (site.vendor.creates(), await row_count(site)) == (0, 0)


async def test_a_multipart_body_that_was_cut_off_is_refused_and_not_shortened(site: Site) -> None:
    whole = written([("model", "m"), ("prompt", "p"), ("input_reference", PIXEL)])
    for cut in (whole[:-4], whole[: -len(BOUNDARY) - 6], whole[: whole.index(PIXEL) + 20]):
        answer = await site.client.post("/v1/videos", content=cut, headers={"content-type": FORM_TYPE})
        assert answer.status_code == 400
        assert error_of(answer)["code"] == "invalid_value"
    assert site.vendor.creates() == 0
    assert (await site.client.post("/v1/videos", content=whole, headers={"content-type": FORM_TYPE})).status_code == 200


class Fuzz:
    """Sends bodies and judges the answers."""

    def __init__(self, site: Site, client: httpx.AsyncClient) -> None:
        self._site = site
        self._client = client
        self._known: set[str] = set()
        self._rows: int | None = None  # after the body before
        self.refused = 0

    async def send(self, path: str, sent: Sent) -> None:
        """One body: 2xx only for a job that its vendor took (or one that the client named before), else a 4xx without a trace."""
        site = self._site
        creates, rows = site.vendor.creates(), await row_count(site) if self._rows is None else self._rows
        answer = await self._client.post(path, content=sent.content, headers=list(sent.headers))
        self._rows = await row_count(site)
        if answer.is_success:
            assert site.vendor.creates() > creates or _id(answer) in self._known, _told(path, sent, answer)
            assert self._rows > rows or _id(answer) in self._known, _told(path, sent, answer)
            self._known.add(_id(answer))
            return
        assert _refusal(answer), _told(path, sent, answer)
        assert (site.vendor.creates(), self._rows) == (creates, rows), _told(path, sent, answer)
        self.refused += 1


def _refusal(answer: httpx.Response) -> bool:
    """Whether this is a 4xx with the whole error body."""
    error_of(answer)
    return 400 <= answer.status_code < 500


def _id(answer: httpx.Response) -> str:
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    return "streamed" if streamed else str(answer.json()["id"])


def _bodies(path: str, source: str) -> Sequence[Mapping[str, Any]]:
    """Valid (and a few refused) bodies to start from."""
    found = [example["input"] for example in EXAMPLES if example["route"] == path and example.get("content_type") != "multipart"]
    if "/images/" in path:
        found += [_INLINE, {**_INLINE, "mask": _PNG, "stream": True}]
    if path in ("/v1/videos/edits", "/v1/videos/extensions"):
        found += [
            {"model": "m", "prompt": "p", "video": {"id": source}},
            {"model": "m", "prompt": "p", "video": "https://x.example.com/v.mp4"},
        ]
    return found or [{"prompt": "at night", "model": "m", "metadata": {"seed": 3}, "seconds": "4"}]


def _parts(body: Mapping[str, Any]) -> list[Part]:
    return [*flattened(body), ("image", PIXEL)]


def _rng(path: str, kind: str) -> random.Random:
    return random.Random(_SEED + zlib.crc32(f"{kind} {path}".encode()))


def _told(path: str, sent: Sent, answer: httpx.Response) -> str:
    return f"{path} {list(sent.headers)!r:.300} {sent.content!r:.1500} -> {answer.status_code} {answer.text:.500}"

"""`/v1/models`."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.adapters.registry import catalogue
from app.api.dialects.models import capabilities_object, model_object
from app.domain.channels import Channel
from app.domain.json import Json
from app.domain.offers import Offer
from app.engine.changes import changing
from app.store import groups as group_store
from app.store.keys import hash_key
from tests.api.conftest import SANDBOX, Site, error_of, site_on
from tests.gateways import CHANNEL, KEY, another

pytestmark = pytest.mark.anyio
MADE = datetime(2026, 3, 1, tzinfo=UTC)
NAMED = another("named", models={"maker/film-1": "some-upstream", "paint-1": "gpt-image-1.5"}, created_at=MADE)
KEYS = {
    "all": replace(KEY, id="all", hash=hash_key("all")),
    "some": replace(KEY, id="some", hash=hash_key("some"), models=frozenset({"paint-1", "sandbox-video", "unheard"})),
    "vip": replace(KEY, id="vip", hash=hash_key("vip"), groups=frozenset({"vip"})),
}
CHANNELS = [
    NAMED,
    SANDBOX,
    another("off", models={"off-1": "x"}, enabled=False),
    another("gone", models={"g-1": "x"}, deleted=True),
]


async def names(folder: Path, key: str, channels: list[Channel]) -> list[str]:
    """What a key is shown."""
    async with site_on(folder, channels=channels, keys=list(KEYS.values())) as site:
        answer = await site.client.get("/v1/models", headers={"authorization": f"Bearer {key}"})
    assert answer.json()["object"] == "list"
    return [model["id"] for model in answer.json()["data"]]


async def test_a_key_sees_the_models_of_its_groups_channels(tmp_path: Path) -> None:
    assert await names(tmp_path, "all", CHANNELS) == ["maker/film-1", "paint-1", "sandbox-image", "sandbox-video"]


async def test_an_allow_list_narrows_that(tmp_path: Path) -> None:
    assert await names(tmp_path, "some", CHANNELS) == ["paint-1", "sandbox-video"]


async def test_another_group_sees_its_own_only(tmp_path: Path) -> None:
    vip = another("vip", models={"vip-1": "x"}, groups=frozenset({"vip"}))
    assert await names(tmp_path, "vip", [*CHANNELS, vip]) == ["vip-1"]


async def test_a_model_is_shown_as_openai_shows_it(tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=CHANNELS) as site:
        answer = await site.client.get("/v1/models/maker/film-1")
    assert answer.json() == {
        "id": "maker/film-1",
        "object": "model",
        "created": int(MADE.timestamp()),
        "owned_by": "filmgate",
        "op": None,
    }


@pytest.mark.parametrize("path", ["/v1/models/nothing", "/v1/models/nothing/capabilities", "/v1/models/off-1", "/v1/models/g-1"])
async def test_a_model_that_the_key_cannot_use_is_not_found(tmp_path: Path, path: str) -> None:
    async with site_on(tmp_path, channels=CHANNELS) as site:
        answer = await site.client.get(path)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "model_not_found"


async def test_a_name_that_an_open_catalogue_takes_is_known_though_not_listed(site: Site) -> None:
    listed = {model["id"] for model in (await site.client.get("/v1/models")).json()["data"]}
    assert "some-video-model" not in listed
    assert (await site.client.get("/v1/models/some-video-model")).status_code == 200


async def test_capabilities_say_what_the_model_can_do(site: Site) -> None:
    able = (await site.client.get("/v1/models/sandbox-video/capabilities")).json()
    assert (able["id"], able["object"], able["op"]) == ("sandbox-video", "model.capabilities", "video")
    assert "i2v" in able["modes"]
    assert able["durations"] == list(range(1, 31))
    assert "1080p" in able["resolutions"]
    assert "9:16" in able["ratios"]
    first_frame = able["inputs"]["first_frame"]
    assert (first_frame["max"], first_frame["mimes"], first_frame["max_bytes"]) == (1, [], None)
    assert first_frame["forms"][:2] == ["url", "data_uri"]
    assert able["price"] == {"unit": "second", "usd": {"*": "0.000000"}}
    assert able["pace"] == 3
    assert able["fps"][0] == 8
    assert {"scalars", "sizes", "retired", "successor", "docs", "note", "rules"} <= set(able)


async def test_the_channels_own_price_and_ratio_count(tmp_path: Path) -> None:
    prices: dict[str, Json] = {"film-1": {"unit": "second", "usd": {"720p": "0.05", "*": "0.1"}}}
    channel = replace(CHANNEL, models={"film-1": "x"}, prices=prices, price_ratio=Decimal("1.5"))
    async with site_on(tmp_path, channels=[channel]) as site:
        able = (await site.client.get("/v1/models/film-1/capabilities")).json()
    assert able["price"] == {"unit": "second", "usd": {"720p": "0.075000", "*": "0.150000"}}


async def test_the_ratio_of_the_keys_group_counts_too(tmp_path: Path) -> None:
    channel = replace(CHANNEL, models={"film-1": "x"}, prices={"film-1": {"unit": "job", "usd": "1"}}, price_ratio=Decimal("1.5"))
    async with site_on(tmp_path, channels=[channel]) as site:
        async with changing(site.gateway.database) as connection:
            await group_store.put(connection, "default", Decimal("0.5"))
        await site.gateway.configuration.refresh()
        able = (await site.client.get("/v1/models/film-1/capabilities")).json()
    assert able["price"]["usd"] == {"*": "0.750000"}


async def test_the_channel_that_is_asked_first_speaks_for_the_model(tmp_path: Path) -> None:
    low = another("low", models={"film-1": "x"}, prices={"film-1": {"unit": "job", "usd": "1"}})
    high = another("high", models={"film-1": "x"}, prices={"film-1": {"unit": "job", "usd": "2"}}, priority=5)
    async with site_on(tmp_path, channels=[low, high]) as site:
        able = (await site.client.get("/v1/models/film-1/capabilities")).json()
    assert able["price"]["usd"] == {"*": "2.000000"}


@pytest.mark.parametrize("adapter", ["sandbox", "openai", "ark", "byteplus", "newapi"])
def test_every_card_can_be_shown(adapter: str) -> None:
    for card in catalogue(adapter).cards:
        offer = Offer(card.name, card, card.capabilities.op, 0, card.price)
        shown = capabilities_object(offer)
        assert shown["op"] == card.capabilities.op
        assert ("retired" in model_object(offer)) is (card.retired is not None)

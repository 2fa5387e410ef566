"""The catalogue's page: what is served and by whom, what could be added, and what a key may use."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from app.adapters.registry import adapters
from app.domain.channels import Channel
from app.engine.changes import changing
from app.store import channels as channel_store
from app.store import groups as group_store
from tests.console.conftest import Rooms
from tests.gateways import another

pytestmark = pytest.mark.anyio
HOSTILE = '"><img src=x onerror=alert(1)>'
GROK = replace(another("grok", models={"film-1": "grok-imagine-video"}), adapter="xai")


async def serve(rooms: Rooms, *channels: Channel) -> None:
    """Adds these channels."""
    async with changing(rooms.site.gateway.database) as connection:
        for channel in channels:
            await channel_store.insert_one(connection, rooms.site.gateway.vault, channel)
    await rooms.site.gateway.configuration.refresh()


def row_of(page: str, name: str) -> str:
    """The row of this model as text, without markup."""
    (row,) = [row for row in re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", page, re.S) if f">{name}" in row]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


async def test_it_says_what_a_model_can_do_and_costs_and_which_channels_serve_it(rooms: Rooms) -> None:
    await serve(rooms, GROK)
    page = (await rooms.operator.get("/console/models")).text
    row = row_of(page, "film-1")
    for said in ("Videos", "i2v", "480p", "16:9", "$0.05", "per second", "Pictures ≤ 7", "grok"):
        assert said in row
    assert 'href="/console/playground?model=film-1"' in page
    assert f'href="/console/channels/{GROK.id}"' in page


async def test_the_page_speaks_chinese(rooms: Rooms) -> None:
    await serve(rooms, GROK)
    row = row_of((await rooms.operator.get("/console/models", headers={"accept-language": "zh-CN"})).text, "film-1")
    assert "视频" in row
    assert "每秒" in row


async def test_names_of_one_model_share_a_row_and_every_price_says_who_takes_it(rooms: Rooms) -> None:
    dear = replace(another("dear", models={"film-1": "grok-imagine-video"}, price_ratio=Decimal(2)), adapter="xai")
    await serve(rooms, replace(another("arks", models="*"), adapter="ark", base_url=adapters()["ark"].base_url("")), GROK, dear)
    page = (await rooms.operator.get("/console/models")).text
    assert "also Seedance-2.0-overseas-1, doubao-seedance-2-0 " in row_of(page, "doubao-seedance-2-0-260128")
    row = row_of(page, "film-1")
    _, dearer, cheaper = re.split(r" (?:dear|grok) ", row, maxsplit=2)
    assert "$0.10" in dearer
    assert "$0.05" in cheaper


async def test_a_retired_model_and_a_paused_channel_are_marked(rooms: Rooms) -> None:
    channel = replace(another("old", models={"old-1": "veo-3.0-generate-001"}, enabled=False), adapter="gemini")
    await serve(rooms, channel)
    page = (await rooms.operator.get("/console/models")).text
    row = row_of(page, "old-1")
    assert "retired since 20" in row
    assert "paused" in row
    assert "playground?model=old-1" not in page


async def test_filters_narrow_the_list(rooms: Rooms) -> None:
    await serve(rooms, GROK)

    async def named(**query: str) -> list[str]:
        page = (await rooms.operator.get("/console/models", params=query)).text
        return re.findall(r"playground\?model=([\w-]+)", page)

    assert await named(text="FILM") == ["film-1"]
    assert await named(kind="video", text="sandbox") == ["sandbox-video"]
    assert await named(mode="i2i", text="sandbox") == ["sandbox-image"]
    assert await named(text="no such model") == []


async def test_what_no_channel_serves_leads_to_the_form_of_its_vendor(rooms: Rooms) -> None:
    page = (await rooms.operator.get("/console/models", params={"rest": "1", "text": "grok-imagine-video"})).text
    assert 'href="/console/channels/new?adapter=xai"' in page
    await serve(rooms, replace(GROK, models="*", base_url=adapters()["xai"].base_url("")))
    page = (await rooms.operator.get("/console/models", params={"rest": "1", "text": "grok-imagine-video"})).text
    assert "channels/new?adapter=xai" not in page


async def test_every_model_comes_once_over_pages_under_100_kilobytes(rooms: Rooms) -> None:
    vendors = [
        replace(another(f"v-{name}", models="*"), adapter=name, base_url=one.base_url("")) for name, one in adapters().items()
    ]
    await serve(rooms, *(one for one in vendors if one.base_url))
    for side in ("", "&rest=1"):
        address: str | None = f"/console/models?kind=video{side}"
        seen: list[str] = []
        while address:
            answer = await rooms.operator.get(address)
            assert len(answer.content) < 100_000
            seen += re.findall(r'<th scope="row">(?:<a [^>]*>)?([^<]+)', answer.text)
            following = re.search(r'rel="next" href="([^"]+)"', answer.text)
            address = following[1].replace("&amp;", "&") if following else None
        assert len(seen) == len(set(seen)) == int(re.findall(r'id="count" role="status">(\d+)', answer.text)[0])


async def test_a_key_sees_what_it_may_use_at_its_own_price_and_no_channel(rooms: Rooms) -> None:
    await serve(rooms, GROK, another("hidden", models={"vip-1": "x"}, groups=frozenset({"vip"})))
    async with changing(rooms.site.gateway.database) as connection:
        await group_store.put(connection, "default", Decimal(3))
    await rooms.site.gateway.configuration.refresh()
    page = (await rooms.holder.get("/console/models", params={"rest": "1"})).text
    assert "$0.15" in row_of(page, "film-1")
    assert "vip-1" not in page
    assert "/console/channels" not in page


async def test_hostile_names_are_shown_as_text(rooms: Rooms) -> None:
    channel = replace(another("hostile", models={HOSTILE: HOSTILE, "<script>alert(1)</script>": "x"}), name="<b>channel</b>")
    await serve(rooms, channel)
    for browser in (rooms.operator, rooms.holder):
        page = (await browser.get("/console/models", params={"text": '">', "kind": HOSTILE, "before": HOSTILE})).text
        assert "<img" not in page
        page = (await browser.get("/console/models")).text
        assert "&lt;script&gt;alert(1)" in page
        assert "<img" not in page
        assert "<script>alert" not in page
        assert "<b>channel" not in page


async def test_nobody_is_led_to_the_sign_in(rooms: Rooms) -> None:
    assert (await rooms.nobody.get("/console/models")).headers["location"] == "/console/sign-in?next=/console/models"

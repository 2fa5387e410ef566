"""The channels' pages: what they show of a channel and its health, and of which inputs the form of an adapter is made."""

import re
from dataclasses import replace

import httpx
import pytest

from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UpstreamRefused
from app.engine.changes import changing
from app.store import channels as channel_store
from tests.console.conftest import Rooms
from tests.gateways import CHANNEL, another

pytestmark = pytest.mark.anyio
HOSTILE = '<script>alert(1)</script>"><img src=x>'
CHINESE = {"accept-language": "zh-CN"}


async def stored(rooms: Rooms, channel: Channel) -> Channel:
    """The channel, in the database and known to the gateway."""
    gateway = rooms.site.gateway
    async with changing(gateway.database) as connection:
        await channel_store.insert_one(connection, gateway.vault, channel)
    await gateway.configuration.refresh()
    return channel


async def refused(rooms: Rooms, channel: Channel, reason: str) -> None:
    """The vendor turns the channel's first credential away."""
    await rooms.site.gateway.health.heard(
        channel, channel.credentials[0].id, UpstreamRefused(reason, fault=Fault.CREDENTIAL, status=401)
    )


def inputs(page: httpx.Response) -> dict[str, str]:
    """The type of every input for a part of a credential, by its field."""
    found = re.findall(r'<(?:input type="(\w+)"|(textarea))[^>]*data-field="(\w+)"', page.text)
    return {field: kind or area for kind, area, field in found}


async def test_the_list_shows_every_channel_and_what_to_do_with_it(rooms: Rooms) -> None:
    page = await rooms.operator.get("/console/channels")
    assert page.status_code == 200
    for name in ("vendor", "sandbox"):
        assert f">{name}</a>" in page.text
    assert 'data-test="/admin/channels/channel_1/test"' in page.text
    assert page.text.count(">ready</span>") == 2


async def test_the_list_turns_pages(rooms: Rooms) -> None:
    for place in range(50):
        await stored(rooms, another(f"more-{place}"))
    first = await rooms.operator.get("/console/channels")
    address = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert address is not None
    second = await rooms.operator.get(address[1])
    assert ">sandbox</a>" not in first.text
    assert ">sandbox</a>" in second.text
    assert 'rel="next"' not in second.text


async def test_the_list_without_channels_leads_to_the_first_one(rooms: Rooms) -> None:
    for channel in ("channel_1", "channel_sandbox"):
        async with changing(rooms.site.gateway.database) as connection:
            await channel_store.delete_one(connection, channel)
    page = await rooms.operator.get("/console/channels")
    assert "There is no channel yet" in page.text
    assert 'href="/console/channels/new"' in page.text


async def test_a_credential_that_its_vendor_refuses_says_so_and_what_to_do(rooms: Rooms) -> None:
    await refused(rooms, CHANNEL, "Incorrect API key")
    listed = await rooms.operator.get("/console/channels")
    page = await rooms.operator.get("/console/channels/channel_1")
    for one in (listed, page):
        assert "refused by its vendor" in one.text
        assert "Incorrect API key" in one.text
    assert "replace it or top up the account" in page.text


async def test_a_channel_of_which_one_credential_rests_is_partly_resting(rooms: Rooms) -> None:
    both = (*CHANNEL.credentials, Credential("credential_2", {"api_key": "another-secret"}))
    channel = await stored(rooms, another("two", credentials=both))
    await refused(rooms, channel, "Incorrect API key")
    page = await rooms.operator.get("/console/channels")
    assert "partly resting" in page.text
    assert "Credentials that take jobs: 1 / 2" in page.text


async def test_a_paused_channel_drains_while_a_job_runs_on_it(rooms: Rooms) -> None:
    channel = await stored(rooms, another("drained", models={"drained-video": "up-video"}))
    job = await rooms.site.created(model="drained-video")
    async with changing(rooms.site.gateway.database) as connection:
        await channel_store.update_one(connection, rooms.site.gateway.vault, replace(channel, enabled=False))
    page = await rooms.operator.get(f"/console/channels/{channel.id}")
    assert job["status"] != "completed"
    assert ">draining</span>" in page.text
    assert "<dt>Jobs now</dt><dd>1</dd>" in page.text
    assert "{&#34;enabled&#34;: true}" in page.text or '{"enabled": true}' in page.text


@pytest.mark.parametrize("path", ["/console/channels", "/console/channels/channel_1"])
async def test_no_page_shows_a_credential(rooms: Rooms, path: str) -> None:
    page = await rooms.operator.get(path)
    assert page.status_code == 200
    assert "canary-secret" not in page.text


async def test_the_last_test_is_shown(rooms: Rooms) -> None:
    before = await rooms.operator.get("/console/channels/channel_1")
    word = re.search(r'name="csrf" content="(\w+)"', before.text)
    assert word is not None
    await rooms.operator.post("/admin/channels/channel_1/test", headers={"x-filmgate-csrf": word[1]})
    after = await rooms.operator.get("/console/channels/channel_1")
    assert "<dt>Last test</dt><dd>never</dd>" in before.text
    assert ">worked</span>" in after.text
    assert (await rooms.operator.get("/console/audit?action=test")).status_code == 200


async def test_every_vendor_can_be_chosen_and_has_a_form(rooms: Rooms) -> None:
    gallery = await rooms.operator.get("/console/channels/new")
    for name, adapter in adapters().items():
        assert f'href="/console/channels/new?adapter={name}"' in gallery.text
        page = await rooms.operator.get(f"/console/channels/new?adapter={name}")
        assert page.status_code == 200
        assert set(inputs(page)) == set(adapter.optional_credential_fields.union(*adapter.credential_fields))


async def test_secrets_are_typed_unseen(rooms: Rooms) -> None:
    kling = await rooms.operator.get("/console/channels/new?adapter=kling")
    vertex = await rooms.operator.get("/console/channels/new?adapter=vertex")
    assert inputs(kling) == {"api_key": "password", "access_key": "password", "secret_key": "password"}
    assert inputs(vertex) == {"service_account": "textarea", "api_key": "password", "project": "text", "location": "text"}


async def test_a_new_channel_is_offered_a_name_that_is_free(rooms: Rooms) -> None:
    page = await rooms.operator.get("/console/channels/new?adapter=sandbox")
    assert 'value="sandbox-2"' in page.text


async def test_the_form_shows_what_the_channel_is(rooms: Rooms) -> None:
    prices = {"boat": {"unit": "second", "usd": "0.05"}}
    changes = {"models": {"boat": "up-boat"}, "prices": prices, "set_fields": {"watermark": False}, "drop_fields": ("seed",)}
    channel = await stored(rooms, another("full", keep_results=False, max_concurrency=7, **changes))
    page = (await rooms.operator.get(f"/console/channels/{channel.id}")).text
    for text in ('value="boat"', 'value="up-boat"', "&#34;0.05&#34;", "&#34;watermark&#34;: false", 'value="seed"', 'value="7"'):
        assert text in page
    assert '<option value="false" selected>' in page


async def test_the_name_of_an_environment_channel_stays(rooms: Rooms) -> None:
    channel = await stored(rooms, replace(CHANNEL, id="channel_env", name="env-openai"))
    page = await rooms.operator.get(f"/console/channels/{channel.id}")
    assert 'readonly="readonly"' in page.text
    assert "An environment variable made this channel" in page.text


async def test_hostile_names_and_reasons_are_text(rooms: Rooms) -> None:
    hostile = another("hostile", models={HOSTILE: HOSTILE}, groups=frozenset({HOSTILE}))
    channel = await stored(rooms, replace(hostile, base_url=f"https://vendor.example.com/{HOSTILE}"))
    async with changing(rooms.site.gateway.database) as connection:
        await channel_store.update_one(connection, rooms.site.gateway.vault, replace(channel, name=HOSTILE))
    await refused(rooms, channel, HOSTILE)
    for path in ("/console/channels", f"/console/channels/{channel.id}", "/console/channels/new?adapter=openai"):
        page = await rooms.operator.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


async def test_both_pages_speak_chinese(rooms: Rooms) -> None:
    listed = await rooms.operator.get("/console/channels", headers=CHINESE)
    new = await rooms.operator.get("/console/channels/new?adapter=kling", headers=CHINESE)
    one = await rooms.operator.get("/console/channels/channel_1", headers=CHINESE)
    assert "<h1>渠道</h1>" in listed.text
    assert "<h1>可灵</h1>" in new.text
    assert "最近测试" in one.text


@pytest.mark.parametrize("path", ["/console/channels/ch_none", "/console/channels/%00", "/console/channels/new?adapter=nobody"])
async def test_what_is_not_there_is_a_404(rooms: Rooms, path: str) -> None:
    assert (await rooms.operator.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/console/channels", "/console/channels/new", "/console/channels/channel_1", "/console/start"])
async def test_a_client_key_sees_none_of_it(rooms: Rooms, path: str) -> None:
    assert (await rooms.holder.get(path)).status_code == 403

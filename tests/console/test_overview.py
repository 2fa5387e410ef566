"""The first page: numbers that are right, for the operator alone, and that change while one looks."""

import orjson
import pytest

from app.console.overview import _changes
from app.domain.errors import Fault, UpstreamRefused
from tests.console.conftest import Rooms
from tests.gateways import CHANNEL

pytestmark = pytest.mark.anyio


async def test_an_empty_gateway_leads_to_the_first_steps(rooms: Rooms) -> None:
    page = (await rooms.operator.get("/console/")).text
    assert 'href="/console/start"' in page


async def test_what_was_made_today_is_counted(rooms: Rooms) -> None:
    await rooms.site.finished()
    await rooms.site.finished("failed")
    rooms.site.studio.status = "queued"
    await rooms.site.created()
    seen = await rooms.site.gateway.overview.look()
    assert (seen.queued + seen.running, seen.today.completed, seen.today.failed, seen.success) == (1, 1, 1, 0.5)
    assert [span.op for span in seen.spans] == ["video"]
    assert "50 %" in (await rooms.operator.get("/console/")).text


async def test_the_numbers_are_sent_when_they_change(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    stream = _changes(gateway)
    first = orjson.loads((await anext(stream)).removeprefix(b"data: "))
    await rooms.site.finished()
    gateway.overview._looked = None
    second = orjson.loads((await anext(stream)).removeprefix(b"data: "))
    assert (first["completed"], second["completed"]) == ("0", "1")
    gateway.watching.leave()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_the_holder_of_a_key_begins_in_the_playground(rooms: Rooms) -> None:
    answer = await rooms.holder.get("/console/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/playground")
    assert (await rooms.holder.get("/console/live")).status_code == 403


async def test_a_channel_whose_credential_was_turned_away_says_why(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    turned_away = UpstreamRefused("the <b>key</b> is wrong", fault=Fault.CREDENTIAL, status=401)
    await gateway.health.heard(CHANNEL, CHANNEL.credentials[0].id, turned_away)
    gateway.overview._looked = None
    page = (await rooms.operator.get("/console/")).text
    assert "the &lt;b&gt;key&lt;/b&gt; is wrong" in page
    assert (await gateway.overview.look()).channels[0].word == "refused"

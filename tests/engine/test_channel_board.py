"""Channels as operators watch them, and how far a new gateway is, on every database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.channels import Channel, Credential, Key
from app.domain.errors import Fault, NotFound, UpstreamRefused
from app.engine.channel_board import ChannelBoard
from app.engine.channels import ChannelDesk
from app.engine.first_run import FIRST_KEY
from app.engine.first_steps import first_steps
from app.engine.health import Health
from app.engine.keys import KeyDesk
from app.store.database import Database
from app.store.secrets import Vault
from tests.databases import fresh_database

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, tzinfo=UTC)
VAULT = Vault(["tests"])
ARK = Channel(
    id="",
    name="ark",
    adapter="ark",
    base_url="",
    credentials=(Credential("", {"api_key": "first-canary-0123456789"}), Credential("", {"api_key": "second-canary-0123456789"})),
)
SANDBOX = Channel(id="", name="sandbox", adapter="sandbox", base_url="")


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    with fresh_database(request.param, tmp_path) as url:
        opened = Database.open(url)
        yield opened
        await opened.close()


def board_of(database: Database) -> ChannelBoard:
    return ChannelBoard(ChannelDesk(database, VAULT, lambda: NOW), Health(database, lambda: NOW))


async def refuse(board: ChannelBoard, channel: Channel, *places: int) -> None:
    """The vendor turns these credentials away."""
    for place in places:
        error = UpstreamRefused("no such key", fault=Fault.CREDENTIAL, status=401)
        await board.health.heard(channel, channel.credentials[place].id, error)


async def test_a_channel_without_complaints_is_ready(database: Database) -> None:
    board = board_of(database)
    channel = await board.desk.add(ARK)
    (state,) = await board.page(before=None, limit=10)
    assert (state.channel, state.word, state.running, state.today) == (channel, "ready", 0, None)
    assert [one.fields for one in state.credentials] == [{"api_key": "fir****6789"}, {"api_key": "sec****6789"}]


@pytest.mark.parametrize(("places", "word"), [((1,), "partly"), ((0, 1), "refused")])
async def test_its_state_follows_its_credentials(database: Database, places: tuple[int, ...], word: str) -> None:
    board = board_of(database)
    channel = await board.desk.add(ARK)
    await refuse(board, channel, *places)
    state = await board.one(channel.id)
    assert state.word == word
    assert [place for place, one in enumerate(state.credentials) if one.word == "refused"] == list(places)
    assert not any(one.due for one in state.credentials)


async def test_an_operators_pause_is_said_before_what_vendors_say(database: Database) -> None:
    board = board_of(database)
    channel = await board.desk.add(ARK)
    await refuse(board, channel, 0, 1)
    await board.desk.change(channel.id, lambda held: replace(held, enabled=False))
    assert (await board.one(channel.id)).word == "paused"


async def test_the_last_test_counts(database: Database) -> None:
    board = board_of(database)
    channel = await board.desk.add(ARK)
    assert (await board.one(channel.id)).tested is None
    await board.desk.note_test(channel, ok=True)
    await board.desk.note_test(channel, ok=False)
    tested = (await board.one(channel.id)).tested
    assert tested is not None
    assert (tested.ok, tested.at) == (False, NOW)


async def test_a_channel_that_is_not_there_has_no_state(database: Database) -> None:
    with pytest.raises(NotFound):
        await board_of(database).one("ch_none")


async def test_first_steps_are_read_from_the_database(database: Database) -> None:
    desk, keys = ChannelDesk(database, VAULT, lambda: NOW), KeyDesk(database, VAULT, lambda: NOW)
    await desk.add(SANDBOX)
    await keys.add(Key(id="", name=FIRST_KEY, hash=""))
    assert (await first_steps(desk)).done == (False, False, False, False, False)
    older = await desk.add(ARK)
    newer = await desk.add(replace(ARK, name="newer"))
    assert (await first_steps(desk)).vendor == newer
    await desk.note_test(newer, ok=False)
    await desk.note_test(older, ok=True)
    await keys.add(Key(id="", name="app", hash=""))
    steps = await first_steps(desk)
    assert (steps.vendor, steps.done, steps.sandbox) == (older, (False, True, True, True, False), True)

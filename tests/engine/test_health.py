"""Which credentials may take new jobs: what trouble takes them away, who tries them again, and what others learn of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.base import Call
from app.domain.channels import Channel, Credential
from app.domain.cooling import Kind
from app.domain.errors import Fault, UnknownStatus, UpstreamError, UpstreamMaybeSent, UpstreamNeverSent, UpstreamRefused
from app.engine import health as health_module
from app.engine.credentials import Credentials
from app.engine.health import Health, Rest
from app.engine.transport import Transport
from app.store import cooldowns as cooldown_store
from app.store.database import Database
from tests.databases import database, database_url
from tests.domain.builders import NOW, channel

__all__ = ["database", "database_url"]
pytestmark = pytest.mark.anyio

A, B, C = (Credential(f"cred_{name}", {"api_key": name * 8}) for name in "abc")
PAIR = channel("pair", credentials=(A, B))
ALONE = channel("alone", credentials=(A,))
BARE = channel("bare")
REVOKED = UpstreamRefused("Invalid key.", fault=Fault.CREDENTIAL, status=401)
EMPTY = UpstreamRefused("No money left.", fault=Fault.BALANCE, status=402)
BUSY = UpstreamRefused("Too many requests.", fault=Fault.RATE, status=429)
COME_BACK = UpstreamRefused("Too many requests.", fault=Fault.RATE, status=429, retry_after=60)
UNREACHABLE = UpstreamNeverSent("connection refused")
LOST = UpstreamMaybeSent("no answer in time")


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> datetime:
        return self.moment

    def move(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Broken(Database):
    """A database that others still reach, and this process only now and then."""

    def __init__(self, real: Database) -> None:
        self._real = real
        self.away = True

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._real.read() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise OperationalError("INSERT", {}, Exception("disk full"))
        async with self._real.write() as connection:
            yield connection


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(database: Database, clock: Clock) -> Health:
    return Health(database, clock)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger=health_module.__name__):
        yield caplog


def warnings(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno == logging.WARNING]


async def stored(database: Database) -> set[tuple[str, str]]:
    async with database.read() as connection:
        return set(await cooldown_store.every(connection))


async def test_healthy_credentials_take_turns(health: Health) -> None:
    credentials = Credentials(health)
    three = channel("three", credentials=(A, replace(C, retired=True), B))
    assert [credentials.next(three) for _ in range(4)] == [A, B, A, B]
    assert credentials.next(BARE) == Credential("", {})
    assert credentials.next(channel("old", credentials=(replace(C, retired=True),))) == Credential("", {})
    assert health.rests(three) is None


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRefused("bad prompt", fault=Fault.REQUEST),
        UpstreamRefused("moderated", fault=Fault.CONTENT),
        UpstreamRefused("no such model", fault=Fault.MODEL, status=404),
        UpstreamRefused("no such task", fault=Fault.NOT_FOUND),
        UnknownStatus("dreaming"),
    ],
)
@pytest.mark.parametrize("polled", [False, True])
async def test_a_clients_own_mistake_never_counts(health: Health, database: Database, error: UpstreamError, polled: bool) -> None:
    for _ in range(10):
        await health.heard(PAIR, A.id, error, polled=polled)
    assert health.usable(PAIR) == (A, B)
    assert health.states(PAIR) == {}
    assert await stored(database) == set()


@pytest.mark.parametrize("wish", [{"seed": 2**70}, {"prompt": "\ud800"}])
async def test_a_wish_that_cannot_be_written_down_is_the_clients_own_mistake(health: Health, wish: dict[str, object]) -> None:
    transport = Transport(httpx.MockTransport(lambda _: httpx.Response(200)))
    with pytest.raises(UpstreamNeverSent) as caught:
        await transport.send("https://up.example.com", Call(method="POST", path="/", json=wish))  # type: ignore[arg-type]  # as JSON
    await health.heard(ALONE, A.id, caught.value)
    assert health.rests(ALONE) is None


@pytest.mark.parametrize("error", [REVOKED, EMPTY])
@pytest.mark.parametrize("polled", [False, True])
async def test_a_refused_credential_is_parked_and_the_others_go_on(health: Health, error: UpstreamError, polled: bool) -> None:
    await health.heard(PAIR, A.id, error, polled=polled)
    credentials = Credentials(health)
    assert [credentials.next(PAIR) for _ in range(3)] == [B, B, B]
    assert health.rests(PAIR) is None
    assert {name: state.kind for name, state in health.states(PAIR).items()} == {A.id: Kind.PARKED}


async def test_parking_is_said_once_while_it_lasts(
    health: Health, clock: Clock, database: Database, log: pytest.LogCaptureFixture
) -> None:
    other = Health(database, clock)
    await health.heard(PAIR, A.id, REVOKED)
    await health.heard(PAIR, A.id, REVOKED)
    await other.heard(PAIR, A.id, EMPTY)
    clock.move(3000)
    await health.heard(PAIR, A.id, REVOKED)
    assert warnings(log) == ["channel pair: credential cred_a is parked: Invalid key."]
    clock.move(9000)
    await health.heard(PAIR, A.id, None)
    await health.heard(PAIR, A.id, EMPTY)
    assert warnings(log)[1:] == ["channel pair: credential cred_a is parked: No money left."]
    assert "aaaa" not in log.text


async def test_a_channel_rests_when_all_its_credentials_do(health: Health) -> None:
    await health.heard(PAIR, A.id, REVOKED)
    assert health.rests(PAIR) is None
    await health.heard(PAIR, B.id, UNREACHABLE)
    assert health.rests(PAIR) == Rest("down: connection refused", NOW + timedelta(seconds=5), last_resort=True)
    assert health.usable(PAIR) == ()
    assert Credentials(health).next(PAIR) == B


async def test_a_parked_channel_is_no_last_resort(health: Health) -> None:
    await health.heard(PAIR, A.id, REVOKED)
    await health.heard(PAIR, B.id, COME_BACK)
    rest = health.rests(PAIR)
    assert rest == Rest("rate limited: Too many requests.", NOW + timedelta(seconds=60), last_resort=False)
    credentials = Credentials(health)
    assert {credentials.next(PAIR).id for _ in range(2)} == {A.id, B.id}


async def test_a_channel_without_credentials_rests_as_well(health: Health, clock: Clock) -> None:
    await health.heard(BARE, "", UNREACHABLE)
    assert health.rests(BARE) is not None
    assert health.states(BARE)[""].kind is Kind.DOWN
    assert Credentials(health).next(BARE) == Credential("", {})
    clock.move(5)
    assert health.usable(BARE) == (Credential("", {}),)


async def test_one_job_tries_and_the_others_wait_until_it_is_heard_of(health: Health, clock: Clock) -> None:
    await health.heard(ALONE, A.id, UNREACHABLE)
    clock.move(5)
    assert health.rests(ALONE) is None
    assert health.usable(ALONE) == (A,)
    assert health.usable(ALONE) == ()
    assert health.rests(ALONE) == Rest("down: connection refused", NOW + timedelta(seconds=35), last_resort=True)
    await health.heard(ALONE, A.id, UNREACHABLE)
    assert health.states(ALONE)[A.id].until == NOW + timedelta(seconds=15)
    clock.move(10)
    assert health.usable(ALONE) == (A,)
    await health.heard(ALONE, A.id, None)
    assert health.usable(ALONE) == health.usable(ALONE) == (A,)
    assert health.states(ALONE) == {}


async def test_a_job_that_is_never_heard_of_holds_the_others_back_for_half_a_minute(health: Health, clock: Clock) -> None:
    await health.heard(ALONE, A.id, REVOKED)
    clock.move(600)
    assert health.usable(ALONE) == (A,)
    clock.move(29)
    assert health.usable(ALONE) == ()
    clock.move(1)
    assert health.usable(ALONE) == (A,)


async def test_a_job_that_was_not_sent_after_all_lets_the_next_one_try(health: Health, clock: Clock) -> None:
    await health.heard(ALONE, A.id, UNREACHABLE)
    clock.move(5)
    assert health.usable(ALONE) == (A,)
    health.untried(ALONE, A.id)
    assert health.usable(ALONE) == (A,)


async def test_a_job_that_tries_and_is_refused_for_its_own_sake_lets_the_next_one_try(health: Health, clock: Clock) -> None:
    await health.heard(ALONE, A.id, UNREACHABLE)
    clock.move(5)
    assert health.usable(ALONE) == (A,)
    await health.heard(ALONE, A.id, UpstreamRefused("bad prompt", fault=Fault.REQUEST))
    assert health.usable(ALONE) == (A,)
    assert health.usable(ALONE) == ()


async def test_polls_do_not_let_a_second_job_try(health: Health, clock: Clock) -> None:
    await health.heard(ALONE, A.id, EMPTY)
    clock.move(600)
    assert health.usable(ALONE) == (A,)
    await health.heard(ALONE, A.id, None, polled=True)
    assert health.usable(ALONE) == ()


async def test_who_tries_is_handed_out_alone_so_that_it_is_not_wasted(health: Health, clock: Clock) -> None:
    credentials = Credentials(health)
    await health.heard(PAIR, A.id, UNREACHABLE)
    await health.heard(PAIR, B.id, UNREACHABLE)
    await health.heard(PAIR, B.id, None)
    clock.move(5)
    assert [credentials.next(PAIR) for _ in range(3)] == [A, B, B]


async def test_each_credential_that_rests_gets_a_job_of_its_own_to_try(health: Health, clock: Clock) -> None:
    await health.heard(PAIR, A.id, UNREACHABLE)
    await health.heard(PAIR, B.id, UNREACHABLE)
    clock.move(5)
    assert [health.usable(PAIR) for _ in range(3)] == [(A,), (B,), ()]


async def test_lost_answers_count_three_in_a_row_and_a_success_starts_anew(health: Health) -> None:
    for error in (LOST, LOST, None, LOST, LOST):
        await health.heard(ALONE, A.id, error)
    assert health.rests(ALONE) is None
    await health.heard(ALONE, A.id, LOST)
    assert health.rests(ALONE) is not None


async def test_what_polls_lose_counts_for_nothing_and_their_successes_neither(health: Health) -> None:
    for _ in range(10):
        await health.heard(ALONE, A.id, LOST, polled=True)
    await health.heard(ALONE, A.id, LOST)
    assert health.rests(ALONE) is None
    for _ in range(2):
        await health.heard(ALONE, A.id, LOST)
        await health.heard(ALONE, A.id, None, polled=True)
    assert health.rests(ALONE) is not None


@pytest.mark.parametrize("error", [EMPTY, BUSY, COME_BACK, REVOKED, UNREACHABLE])
async def test_a_poll_that_works_does_not_end_what_a_create_began(health: Health, error: UpstreamError) -> None:
    await health.heard(ALONE, A.id, error)
    await health.heard(ALONE, A.id, None, polled=True)
    assert health.rests(ALONE) is not None


@pytest.mark.parametrize("error", [REVOKED, UNREACHABLE])
async def test_a_poll_that_works_ends_what_a_poll_began(health: Health, database: Database, error: UpstreamError) -> None:
    await health.heard(ALONE, A.id, error, polled=True)
    await health.refresh()
    await health.heard(ALONE, A.id, None, polled=True)
    assert health.rests(ALONE) is None
    assert await stored(database) == set()


async def test_a_withdrawn_credential_is_nobodys_concern(health: Health, database: Database, log: pytest.LogCaptureFixture) -> None:
    await health.heard(channel("pair", credentials=(replace(A, retired=True), B)), A.id, REVOKED, polled=True)
    await health.heard(PAIR, "cred_gone", REVOKED, polled=True)
    assert await stored(database) == set()
    assert warnings(log) == []


async def test_other_processes_learn_of_a_rest_and_of_its_end(health: Health, clock: Clock, database: Database) -> None:
    other = Health(database, clock)
    await health.heard(ALONE, A.id, UNREACHABLE)
    await other.refresh()
    assert other.rests(ALONE) == health.rests(ALONE)
    clock.move(5)
    await other.heard(ALONE, A.id, UNREACHABLE)
    assert health.usable(ALONE) == (A,)
    await health.refresh()
    assert health.states(ALONE)[A.id].until == NOW + timedelta(seconds=15)
    await health.heard(ALONE, A.id, None)
    await other.refresh()
    assert other.rests(ALONE) is None


async def test_of_changes_in_quick_succession_the_newest_is_kept(health: Health, clock: Clock, database: Database) -> None:
    await asyncio.gather(*(health.heard(ALONE, A.id, error) for error in (UNREACHABLE, COME_BACK, REVOKED)))
    other = Health(database, clock)
    await other.refresh()
    assert other.states(ALONE) == health.states(ALONE)
    assert other.states(ALONE)[A.id].kind is Kind.PARKED


async def test_a_restart_forgets_no_rest(health: Health, clock: Clock, database: Database) -> None:
    await health.heard(ALONE, A.id, REVOKED)
    restarted = Health(database, clock)
    await restarted.refresh()
    assert restarted.states(ALONE) == health.states(ALONE)


async def test_success_writes_nothing(database: Database, clock: Clock) -> None:
    health = Health(Broken(database), clock)
    for polled in (False, True):
        await health.heard(ALONE, A.id, None, polled=polled)
    await health.refresh()


async def test_a_database_that_is_away_costs_no_job_and_loses_no_rest(
    database: Database, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    away = Broken(database)
    health = Health(away, clock)
    await health.heard(ALONE, A.id, REVOKED)
    assert len(warnings(log)) == 1
    assert "not stored yet" in warnings(log)[0]
    assert health.rests(ALONE) is not None
    with pytest.raises(OperationalError):
        await health.refresh()
    assert health.rests(ALONE) is not None
    away.away = False
    await health.refresh()
    assert await stored(database) == {(ALONE.id, A.id)}
    assert warnings(log)[1:] == ["channel alone: credential cred_a is parked: Invalid key."]


async def test_an_end_that_could_not_be_written_is_written_later(database: Database, clock: Clock) -> None:
    away = Broken(database)
    away.away = False
    health = Health(away, clock)
    await health.heard(ALONE, A.id, UNREACHABLE)
    away.away = True
    await health.heard(ALONE, A.id, None)
    away.away = False
    await health.refresh()
    assert health.rests(ALONE) is None
    assert await stored(database) == set()


class Slow(Database):
    """A database whose answers are old when they arrive."""

    def __init__(self, real: Database, health: list[Health]) -> None:
        self._real = real
        self._health = health

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._real.read() as connection:
            yield connection
        for health in self._health:
            await health.heard(ALONE, A.id, REVOKED)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with self._real.write() as connection:
            yield connection


async def test_an_old_answer_of_the_database_undoes_no_news(database: Database, clock: Clock) -> None:
    heard: list[Health] = []
    health = Health(Slow(database, heard), clock)
    heard.append(health)
    await health.refresh()
    assert health.rests(ALONE) is not None


@pytest.mark.parametrize("credential_id", [A.id, None])
async def test_an_operator_ends_a_rest_everywhere(
    health: Health, clock: Clock, database: Database, credential_id: str | None
) -> None:
    other = Health(database, clock)
    await health.heard(PAIR, A.id, REVOKED)
    await health.heard(ALONE, A.id, REVOKED)
    await other.refresh()
    await Health(database, clock).forgive(PAIR.id, credential_id)
    for one in (health, other):
        await one.refresh()
        assert health.states(PAIR) == {}
    assert await stored(database) == {(ALONE.id, A.id)}


async def test_an_operator_forgives_one_credential_or_the_whole_channel(health: Health, database: Database) -> None:
    await health.heard(PAIR, A.id, REVOKED)
    await health.heard(PAIR, B.id, REVOKED)
    await health.forgive(PAIR.id, A.id)
    assert set(health.states(PAIR)) == {B.id}
    await health.forgive(PAIR.id)
    assert health.usable(PAIR) == (A, B)
    assert await stored(database) == set()


async def test_an_operator_ends_a_rest_that_could_not_be_written_yet(database: Database, clock: Clock) -> None:
    away = Broken(database)
    health = Health(away, clock)
    await health.heard(ALONE, A.id, REVOKED)
    away.away = False
    await health.forgive(ALONE.id)
    await health.refresh()
    assert health.rests(ALONE) is None
    assert await stored(database) == set()


async def test_a_clock_that_jumps_leaves_nobody_waiting_for_days(health: Health, clock: Clock) -> None:
    await health.heard(ALONE, A.id, UNREACHABLE)
    clock.move(5)
    assert health.usable(ALONE) == (A,)
    clock.move(-3 * 86_400)
    assert health.rests(ALONE) is None
    assert health.usable(ALONE) == (A,)
    clock.move(6 * 86_400)
    assert health.usable(ALONE) == (A,)


def rotating(given: Channel, health: Health, count: int) -> list[str]:
    credentials = Credentials(health)
    return [credentials.next(given).id for _ in range(count)]


async def test_the_turn_goes_round_those_that_are_left(health: Health) -> None:
    three = channel("three", credentials=(A, B, C))
    await health.heard(three, B.id, EMPTY)
    assert rotating(three, health, 4) == [A.id, C.id, A.id, C.id]


async def test_jobs_that_exist_keep_their_credential_even_while_it_rests(health: Health) -> None:
    await health.heard(PAIR, A.id, REVOKED)
    credentials = Credentials(health)
    assert credentials.of(PAIR, A.id) == A
    assert credentials.of(PAIR, "cred_gone") == A
    assert credentials.of(BARE, "cred_gone") == Credential("", {})

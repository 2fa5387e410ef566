"""How many questions are out at once, and that what they bring is written together; in virtual time."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from app.adapters.base import Call, Reply
from app.domain.channels import Channel, Credential
from app.domain.jobs import Job
from app.engine.poll import Poller
from app.engine.tracked import LANE, WIDEST, Lane, Tracked
from tests.domain.builders import job
from tests.engine.test_poll_lag import VirtualLoop, World, accepted, seconds


@dataclass(slots=True)
class Busy(World):
    """A vendor with something new in every answer, and a store that may be slow."""

    said: Counter[str] = field(default_factory=Counter)
    asking: Counter[str] = field(default_factory=Counter)
    most: int = 0  # questions at once
    written: list[float] = field(default_factory=list)
    store: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, channel: Channel, credential: Credential, call: Call) -> Reply:
        name = call.path.rpartition("/")[2]
        self.asking[name] += 1
        assert self.asking[name] == 1, "the same job is asked about twice at once"
        self.most = max(self.most, self.asking.total())
        await asyncio.sleep(self.rng.uniform(*self.latency))
        self.asking[name] -= 1
        self.said[name] += 1
        done = seconds() >= self.ends.get(name, float("inf"))
        made = {"status": "completed", "url": "https://media.example.com/a.mp4"} if done else {"status": "in_progress"}
        return Reply(200, json={"id": name, "progress": self.said[name], **made})

    async def record(self, changed: Job) -> Job:
        self.written.append(seconds())
        if changed.status.final:
            self.noticed[str(changed.upstream_id)] = seconds()
        await self.store.wait()
        return changed


@asynccontextmanager
async def polled(world: Busy, count: int) -> AsyncIterator[Poller]:
    """So many jobs of one channel, all hurried."""
    poller = world.poller()
    for number in range(count):
        poller.add(accepted(number))
        poller.hurry(f"task_{number}")
    running = asyncio.create_task(poller.run())
    yield poller
    await poller.drain()
    running.cancel()


def played(work: Callable[[], object]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())  # type: ignore[arg-type]  # all of them are coroutines


@pytest.mark.parametrize(
    ("takes", "slots"), [(0.01, [LANE, LANE, LANE, LANE, LANE]), (0.2, [LANE, LANE, LANE, 100, WIDEST])], ids=["quick", "slow"]
)
def test_a_lane_of_a_slow_vendor_has_more_slots_while_very_many_wait(takes: float, slots: list[int]) -> None:
    lane, found = Lane(takes=takes), []
    one = ("task_1", Tracked(job(), lane, 0.0))
    for waiting in (0, LANE, 2 * LANE, 200, 10 * WIDEST):
        lane.waiting.extend([one] * (waiting - len(lane.waiting)))
        found.append(lane.slots)
    assert found == slots


def test_a_slow_vendor_with_many_jobs_is_asked_more_at_once_and_then_less() -> None:
    async def play() -> None:
        world = Busy(random.Random(1), (1.0, 1.0))
        world.store.set()
        async with polled(world, 2_000) as poller:
            await asyncio.sleep(0.5)
            assert poller.load()["channel_0"] == (LANE, 2_000 - LANE, LANE)  # not known to be slow yet
            await asyncio.sleep(1.0)
            assert poller.load()["channel_0"] == (WIDEST, 2_000 - LANE - WIDEST, WIDEST)
            await asyncio.sleep(30.0)
            assert world.most == WIDEST
            assert len(world.said) == 2_000
            for number in range(LANE, 2_000):
                poller.forget(f"task_{number}")
            await asyncio.sleep(60.0)
            running, _, slots = poller.load()["channel_0"]
            assert running <= slots == LANE

    played(play)


def test_a_slot_is_free_again_while_the_database_writes() -> None:
    async def play() -> None:
        world = Busy(random.Random(1), (0.1, 0.2))
        async with polled(world, 3 * LANE):
            await asyncio.sleep(5.0)
            assert [world.said[f"up-{number}"] for number in range(3 * LANE)] == [1] * (3 * LANE)  # nobody twice meanwhile
            world.store.set()
            await asyncio.sleep(30.0)
            assert min(world.said.values()) > 1

    played(play)


def test_with_hundreds_of_news_unwritten_nothing_more_is_asked() -> None:
    async def play() -> None:
        world = Busy(random.Random(1), (0.1, 0.2))
        async with polled(world, 2_000):
            await asyncio.sleep(20.0)
            assert world.said.total() <= 2 * WIDEST + LANE
            world.store.set()
            await asyncio.sleep(20.0)
            assert len(world.said) == 2_000

    played(play)


def test_news_of_many_jobs_are_written_together() -> None:
    async def play() -> None:
        world = Busy(random.Random(1), (0.1, 0.3))
        world.store.set()
        async with polled(world, 2_000):
            await asyncio.sleep(20.0)
        assert len(world.written) > 3_000
        assert len(set(world.written)) * 1000 / len(world.written) <= 50

    played(play)


def test_an_end_waits_for_nobody() -> None:
    async def play() -> None:
        world = Busy(random.Random(1), (0.1, 0.1))
        world.store.set()
        world.ends["up-7"] = 0.0
        async with polled(world, LANE):
            await asyncio.sleep(0.105)
            assert set(world.noticed) == {"up-7"}

    played(play)


def test_what_waits_for_company_is_written_before_a_shutdown() -> None:
    async def play() -> None:
        world = Busy(random.Random(1), (0.1, 0.1))
        world.store.set()
        async with polled(world, LANE):
            await asyncio.sleep(0.105)
            assert len(world.written) == 1
        assert len(world.written) == LANE

    played(play)

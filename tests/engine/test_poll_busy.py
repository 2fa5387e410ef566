"""A process that has no time takes its vendors for no slower than they are; in virtual time."""

import asyncio
import random
from dataclasses import dataclass

import pytest

from app.adapters.base import Call, Reply
from app.domain.channels import Channel, Credential
from app.engine.tracked import LANE, WIDEST
from tests.engine.test_poll_lag import VirtualLoop
from tests.engine.test_poll_slots import Busy, polled


class WorkingLoop(VirtualLoop):
    """A loop in which time passes while something is worked out."""

    def work(self, seconds: float) -> None:
        """Nothing else happens for so long."""
        self._leap.seconds += seconds


@dataclass(slots=True)
class Laborious(Busy):
    """Each answer costs this process some seconds of its own."""

    costs: float = 0.0

    async def ask(self, channel: Channel, credential: Credential, call: Call) -> Reply:
        reply = await Busy.ask(self, channel, credential, call)
        working().work(self.costs)
        return reply


def working() -> WorkingLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WorkingLoop)
    return loop


@pytest.mark.parametrize(
    ("takes", "costs", "most"), [(0.001, 0.01, LANE), (0.02, 0.005, LANE), (0.5, 0.001, WIDEST)], ids=["busy", "both", "slow"]
)
def test_only_a_slow_vendor_is_asked_more_at_once(takes: float, costs: float, most: int) -> None:
    async def play() -> int:
        world = Laborious(random.Random(1), (takes, takes), costs=costs)
        world.store.set()
        async with polled(world, 2_000):
            await asyncio.sleep(30.0)
        assert len(world.said) == 2_000
        return world.most

    with asyncio.Runner(loop_factory=WorkingLoop) as runner:
        assert runner.run(play()) == most


def test_one_long_piece_of_work_makes_no_vendor_slow() -> None:
    async def play() -> int:
        world = Laborious(random.Random(1), (0.02, 0.02))
        world.store.set()
        async with polled(world, 5_000):
            await asyncio.sleep(0.5)
            working().work(3.0)
            await asyncio.sleep(5.0)
        return world.most

    with asyncio.Runner(loop_factory=WorkingLoop) as runner:
        assert runner.run(play()) == LANE

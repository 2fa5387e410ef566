"""What is to be written waits a moment for company, unless it is urgent."""

import asyncio

import pytest

from app.engine.gathering import Gathering
from tests.engine.test_poll_lag import VirtualLoop


def played(turns: list[tuple[float, bool]]) -> list[float]:
    """When each goes that comes at this second and is urgent or not; in virtual time."""

    async def one(gathering: Gathering, comes: float, urgent: bool) -> float:
        await asyncio.sleep(comes)
        await gathering.turn(urgent=urgent)
        return asyncio.get_running_loop().time()

    async def play() -> list[float]:
        gathering = Gathering()
        return await asyncio.gather(*(one(gathering, comes, urgent) for comes, urgent in turns))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(play())


def test_who_comes_alone_goes_at_once() -> None:
    assert played([(0.0, False), (1.0, False), (2.0, True)]) == pytest.approx([0.0, 1.0, 2.0])


def test_who_comes_soon_after_others_waits_for_more() -> None:
    assert played([(0.0, False), (0.02, False), (0.05, False), (0.12, False)]) == pytest.approx([0.0, 0.1, 0.1, 0.2])


def test_who_is_urgent_takes_everybody_along() -> None:
    assert played([(0.0, False), (0.02, False), (0.05, True), (0.06, False)]) == pytest.approx([0.0, 0.05, 0.05, 0.15])


def test_a_full_group_waits_for_nobody() -> None:
    went = played([(0.0, False), *[(0.01, False)] * 64, (0.02, False)])
    assert went == pytest.approx([0.0, *[0.01] * 64, 0.11])


def test_who_was_cancelled_keeps_nobody_waiting() -> None:
    async def play() -> None:
        gathering = Gathering()
        await gathering.turn(urgent=False)
        leaves, stays = (asyncio.create_task(gathering.turn(urgent=False)) for _ in range(2))
        await asyncio.sleep(0)
        leaves.cancel()
        gathering.go()
        await stays

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())

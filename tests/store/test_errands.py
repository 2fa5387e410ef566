"""Threads that are asked from the event loop."""

import asyncio
import threading

import pytest

from app.store.errands import Errands

pytestmark = pytest.mark.anyio


async def test_what_they_find_and_what_goes_wrong_comes_back() -> None:
    errands = Errands("some", 2)
    assert await errands.run(lambda: threading.current_thread().name) in ("some_0", "some_1")
    with pytest.raises(ZeroDivisionError):
        await errands.run(lambda: 1 // 0)
    await errands.close()


async def test_one_thread_does_them_in_order() -> None:
    errands, seen = Errands("one", 1), list[int]()
    await asyncio.gather(*(errands.run(lambda number=number: seen.append(number)) for number in range(50)))  # type: ignore[misc]  # the default binds it
    assert seen == list(range(50))
    await errands.close()


async def test_what_was_asked_before_the_end_is_done_and_nothing_after_it() -> None:
    errands, let_go, seen = Errands("one", 1), threading.Event(), list[int]()
    first = asyncio.create_task(errands.run(let_go.wait))
    second = asyncio.create_task(errands.run(lambda: seen.append(2)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(errands.close())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        await errands.run(lambda: seen.append(3))
    let_go.set()
    await asyncio.gather(first, second, closing)
    assert seen == [2]


async def test_who_leaves_harms_nobody() -> None:
    errands, let_go = Errands("one", 1), threading.Event()
    impatient = asyncio.create_task(errands.run(let_go.wait))
    await asyncio.sleep(0)
    impatient.cancel()
    let_go.set()
    assert await errands.run(lambda: "the next one") == "the next one"
    await errands.close()


async def test_threads_that_were_never_asked_are_never_begun() -> None:
    before = threading.active_count()
    await Errands("idle", 3).close()
    assert threading.active_count() == before


def test_a_loop_that_has_gone_ends_the_thread_quietly() -> None:
    errands, let_go = Errands("one", 1), threading.Event()

    async def leave() -> None:
        asking = asyncio.create_task(errands.run(let_go.wait))
        await asyncio.sleep(0)
        asking.cancel()

    asyncio.run(leave())
    let_go.set()
    for thread in errands._threads:
        thread.join(10)
        assert not thread.is_alive()

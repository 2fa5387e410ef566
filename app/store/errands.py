"""Threads that are asked from the event loop: the least that a question can cost, a third of what an executor's does."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias, TypeVar

Found = TypeVar("Found")
_Errand: TypeAlias = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Errands:
    """A few threads that do what they are asked, in order; they begin with the first question."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._count = threads
        self._threads: list[Thread] = []
        self._inbox: SimpleQueue[_Errand | None] = SimpleQueue()
        self._closed = False

    async def run(self, work: Callable[[], Found]) -> Found:
        """What the work gives, done in one of the threads; raises RuntimeError after `close`."""
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")
        if not self._threads:
            self._threads = [Thread(target=self._serve, name=f"{self._name}_{n}", daemon=True) for n in range(self._count)]
            for thread in self._threads:
                thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Found] = loop.create_future()
        self._inbox.put((loop, done, work))
        return await done

    async def close(self) -> None:
        """Does what was asked before, and ends the threads."""
        self._closed = True
        for _ in self._threads:
            self._inbox.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        while (errand := self._inbox.get()) is not None:
            loop, done, work = errand
            result, problem = _done(work)
            try:
                loop.call_soon_threadsafe(_tell, done, result, problem)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more
            del errand, done, work, result, problem  # a thread that waits holds nothing


def _done(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001  # whoever asked gets it
        return None, error


def _tell(done: "asyncio.Future[Any]", result: object, problem: BaseException | None) -> None:
    if done.done():  # whoever asked has left
        return
    if problem is None:
        done.set_result(result)
    else:
        done.set_exception(problem)

"""Starts, bounds and ends the render processes of this server process."""

import asyncio
import logging
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from app.sandbox.spec import Spec

_ROOT = Path(__file__).parents[2]  # where the package `app` lies, so that the render finds it from any working directory
_ELSEWHERE = 75  # see render.py
_TRIES = 2
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Render:
    task: asyncio.Task[None]
    started: bool = False
    progress: int = 0


class Renders:
    """At most `most` clips at a time, and half as many pictures, which so never queue behind clips."""

    def __init__(self, folder: Path, most: int | None = None) -> None:
        self._folder = folder.absolute()
        clips = most or max(1, (os.cpu_count() or 1) - 1)
        self._slots = {"video": clips, "image": max(1, clips // 2)}
        self._gates = {kind: asyncio.Semaphore(slots) for kind, slots in self._slots.items()}
        self._running: dict[str, _Render] = {}
        self._tries: dict[str, int] = {}  # of renders that failed

    def start(self, upstream_id: str, spec: Spec) -> None:
        """Makes the job's files in the background, unless that is already under way here."""
        if upstream_id not in self._running:
            self._folder.mkdir(parents=True, exist_ok=True)
            task = asyncio.create_task(self._run(upstream_id, spec), name=f"sandbox render {upstream_id}")
            self._running[upstream_id] = _Render(task)
            task.add_done_callback(lambda _: self._running.pop(upstream_id, None))

    async def wait(self, upstream_id: str) -> None:
        """Returns when no render of this job runs here (any more); a caller that is cancelled leaves the render alone."""
        render = self._running.get(upstream_id)
        if render is not None:
            await asyncio.wait({render.task})

    def waiting(self, upstream_id: str) -> bool:
        """Whether the job stands in the queue for a render process."""
        render = self._running.get(upstream_id)
        return render is not None and not render.started

    def progress(self, upstream_id: str) -> int:
        """Percent done, as the render process reports it."""
        render = self._running.get(upstream_id)
        return render.progress if render else 0

    def broken(self, upstream_id: str) -> bool:
        """Whether the job's render failed so often that another try makes no sense."""
        return self._tries.get(upstream_id, 0) >= _TRIES

    async def stop(self, upstream_id: str) -> None:
        """Ends the job's render, if it runs here."""
        render = self._running.get(upstream_id)
        if render is not None:
            render.task.cancel()
            await asyncio.wait({render.task})

    async def aclose(self) -> None:
        """Ends every render; a later status call starts them again."""
        tasks = {render.task for render in self._running.values()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, upstream_id: str, spec: Spec) -> None:
        async with self._gates[spec.kind]:
            self._running[upstream_id].started = True
            try:
                code, message = await self._process(upstream_id, spec)
            except OSError as error:
                code, message = 1, str(error)
        if code not in (0, _ELSEWHERE):
            self._tries[upstream_id] = self._tries.get(upstream_id, 0) + 1
            _log.warning("A sandbox render ended with code %s: %s", code, message)

    async def _process(self, upstream_id: str, spec: Spec) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.sandbox.render",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=_ROOT,
            start_new_session=True,  # an interrupt at the terminal is for the server, which ends its renders itself
        )
        try:
            message = await self._talk(process, upstream_id, spec)
            return await process.wait(), message
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _talk(self, process: asyncio.subprocess.Process, upstream_id: str, spec: Spec) -> str:
        """Hands over the task and follows the progress; returns the last line that was no number."""
        task = {"id": upstream_id, "folder": str(self._folder), "slots": self._slots[spec.kind], "spec": asdict(spec)}
        message = ""
        if process.stdin is None or process.stdout is None:
            return message
        with suppress(BrokenPipeError, ConnectionResetError):  # it ended before it read: its exit code says why
            process.stdin.write(orjson.dumps(task))
            await process.stdin.drain()
        process.stdin.close()
        async for line in process.stdout:
            text = line.decode("utf-8", "replace").strip()
            if text.isdecimal():
                self._running[upstream_id].progress = int(text)
            elif text:
                message = text[:500]
        return message

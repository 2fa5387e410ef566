"""The gateway processes of a campaign: a fixed port for each, whatever process listens there at the moment."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import refused_port

_ROOT = Path(__file__).parents[2]
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
LOG = "gateways.log"


@dataclass(slots=True)
class Place:
    """A port at which one gateway after the other listens."""

    port: int
    process: int | None = None
    heard: asyncio.Event = field(default_factory=asyncio.Event)  # the process that runs now has answered a client

    @property
    def url(self) -> str:
        """Where clients ask."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(slots=True)
class Fleet:
    """All places and the launcher behind them."""

    places: Sequence[Place]
    folder: Path
    kills: int = 0
    kills_at_start: int = 0  # of processes that had not answered anybody yet
    deaths: list[str] = field(default_factory=list)  # processes that ended in another way than they were told to
    _launcher: asyncio.subprocess.Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, place: Place) -> None:
        """Starts a gateway here; it takes requests a moment later."""
        place.heard.clear()
        place.process = int(await self._told(f"start {place.port}"))

    async def kill(self, place: Place) -> int:
        """`kill -9`; returns which kill it was."""
        self.kills += 1
        number = self.kills
        self.kills_at_start += not place.heard.is_set()
        await self._end(place, "kill", signal.SIGKILL)
        return number

    async def stop(self, place: Place) -> None:
        """Ends the gateway here as an operator would, if one runs."""
        if place.process is not None:
            await self._end(place, "stop", 0)

    async def _end(self, place: Place, word: str, expected: int) -> None:
        process, place.process = place.process, None
        status = int(await self._told(f"{word} {process}"))
        if status != expected:
            self.deaths.append(f"process {process} ended with status {status} of its own (see {LOG})")

    async def _told(self, command: str) -> str:
        launcher = self._launcher
        assert launcher is not None
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        async with self._turn:
            launcher.stdin.write(f"{command}\n".encode())
            line = (await launcher.stdout.readline()).decode().strip()
        assert line, f"the launcher ended at {command!r}"
        return line

    async def open(self, settings: Mapping[str, str]) -> None:
        """Starts the launcher; `settings` are `FILMGATE_*` without that prefix."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        given = {f"FILMGATE_{name}": value for name, value in settings.items()}
        pipe = asyncio.subprocess.PIPE
        self._launcher = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.launcher", str(self.folder / LOG)),
            cwd=self.folder,
            env={**inherited, "PYTHONPATH": str(_ROOT), **given},
            stdin=pipe,
            stdout=pipe,
        )
        assert self._launcher.stdout is not None
        assert (await self._launcher.stdout.readline()).strip() == b"ready"

    async def close(self) -> None:
        """Ends the launcher, and with it every gateway."""
        launcher = self._launcher
        if launcher is not None and launcher.stdin is not None:
            launcher.stdin.close()
            await launcher.wait()


@asynccontextmanager
async def fleet(folder: Path, settings: Mapping[str, str], size: int) -> AsyncIterator[Fleet]:
    """A launcher with so many places, at which nothing runs yet."""
    opened = Fleet([Place(refused_port()) for _ in range(size)], folder)
    try:
        await opened.open(settings)
        yield opened
    finally:
        await opened.close()

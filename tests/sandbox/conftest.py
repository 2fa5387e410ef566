"""A sandbox in a temporary folder, with a clock that only moves when told."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.sandbox.service import SandboxTransport

START = datetime(2026, 11, 20, 20, 15, tzinfo=UTC)


class Clock:
    """Time that passes on command; sleeping moves it."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_seconds(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(tmp_path: Path, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    transport = SandboxTransport(tmp_path / "sandbox", renders=1, now=clock, sleep=clock.sleep)
    async with httpx.AsyncClient(transport=transport, base_url="sandbox://local") as client:
        yield client

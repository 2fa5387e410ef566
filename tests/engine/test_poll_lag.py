"""How soon a finished job is noticed when a thousand are open: played through in virtual time, so that no machine is too slow."""

import asyncio
import random
import selectors
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest

from app.adapters.base import Call, Reply
from app.domain.channels import Channel, Credential
from app.domain.jobs import Job, Stage
from app.domain.pacing import SLOWEST
from app.engine.configuration import Configuration
from app.engine.credentials import Credentials
from app.engine.health import Health
from app.engine.metric_table import LAG
from app.engine.paces import Paces
from app.engine.poll import Poller
from app.engine.records import Recorder
from app.engine.telemetry import Telemetry
from app.engine.vendors import Vendors
from tests.domain.builders import NOW, job
from tests.gateways import another

_JOBS = 1_000
_QUICKEST, _LONGEST = 20.0, 170.0  # seconds that a job takes; the model's usual time is 90
_PATIENCE = 600.0  # virtual seconds


class Leap(selectors.DefaultSelector):
    """Never waits: where nothing is to do, the clock leaps to the next timer."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for something that will not come"
        self.seconds += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of its selector."""

    def __init__(self) -> None:
        self._leap = Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.seconds


@dataclass(slots=True)
class World:
    """Everything around the poller: vendors that finish each job at its time, and a store that notes when that was noticed."""

    rng: random.Random
    latency: tuple[float, float] = (0.1, 1.0)  # seconds until a vendor answers a question
    paces: Paces = field(default_factory=Paces)
    telemetry: Telemetry = field(default_factory=Telemetry)
    ends: dict[str, float] = field(default_factory=dict)  # upstream id -> when the vendor is done
    noticed: dict[str, float] = field(default_factory=dict)  # upstream id -> when that was written
    questions: Counter[str] = field(default_factory=Counter)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, channel: Channel, credential: Credential, call: Call) -> Reply:
        """The vendor's answer."""
        name = call.path.rpartition("/")[2]
        self.questions[name] += 1
        done = seconds() >= self.ends[name]
        await asyncio.sleep(self.rng.uniform(*self.latency))
        made = {"status": "completed", "url": "https://media.example.com/a.mp4"} if done else {"status": "in_progress"}
        return Reply(200, json={"id": name, **made})

    async def record(self, changed: Job) -> Job:
        """Writes a job."""
        if changed.status.final:
            self.noticed[str(changed.upstream_id)] = seconds()
            if len(self.noticed) == len(self.ends):
                self.complete.set()
        return changed

    async def heard(self, *_: object, polled: bool) -> None:
        """What a vendor's answers say of its health."""

    def channel(self, channel_id: str) -> Channel:
        """A channel by its id."""
        return another(channel_id.removeprefix("channel_"))

    def of(self, channel: Channel, credential_id: str) -> Credential:
        """The credential that made a job."""
        return channel.credentials[0]

    def poller(self) -> Poller:
        """Polls in this world."""
        return Poller(
            recorder=cast(Recorder, self),
            vendors=cast(Vendors, self),
            configuration=cast(Configuration, self),
            credentials=cast(Credentials, self),
            health=cast(Health, self),
            now=lambda: NOW + timedelta(seconds=seconds()),
            seconds=seconds,
        )


@pytest.mark.parametrize(("channels", "latency"), [(4, (0.1, 1.0)), (1, (1.0, 2.0))])
def test_1000_open_jobs_completion_lag_p99(channels: int, latency: tuple[float, float]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        world = runner.run(_played(channels, latency))
    lags = sorted(world.noticed[name] - end for name, end in world.ends.items())
    assert len(lags) == _JOBS
    assert lags[_JOBS * 99 // 100] < SLOWEST + 4.0 * latency[1]  # one pause between two questions, some for standing in line
    assert sum(world.questions.values()) < 15 * _JOBS  # bought with patience and not with questions
    assert _measured(world) >= sum(lags)  # what is measured is what it was at most


def _measured(world: World) -> float:
    """The sum of all lags, as the metrics have it."""
    families = world.telemetry.metrics.registry.collect()
    return sum(sample.value for family in families for sample in family.samples if sample.name == f"{LAG.name}_sum")


async def _played(channels: int, latency: tuple[float, float]) -> World:
    world = World(random.Random(18), latency)
    poller = world.poller()
    for number in range(_JOBS):
        world.ends[f"up-{number}"] = world.rng.uniform(_QUICKEST, _LONGEST)
        poller.add(accepted(number, f"channel_{number % channels}"))
    running = asyncio.create_task(poller.run())
    async with asyncio.timeout(_PATIENCE):
        await world.complete.wait()
    await poller.drain()
    running.cancel()
    return world


def accepted(number: int, channel: str = "channel_0") -> Job:
    """A job that its vendor calls `up-<number>`."""
    place = {"adapter": "openai", "channel_id": channel, "credential_id": "credential_1"}
    return job(id=f"task_{number}", upstream_id=f"up-{number}", stage=Stage.ACCEPTED, accepted_at=NOW, **place)


def seconds() -> float:
    """The time in this world."""
    return asyncio.get_running_loop().time()

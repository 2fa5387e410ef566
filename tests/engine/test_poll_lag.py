"""How soon a finished job is noticed when a thousand are open: played through in virtual time, so that no machine is too slow."""

import asyncio
import random
import selectors
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

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

_JOBS, _CHANNELS = 1_000, 4
_QUICKEST, _LONGEST = 20.0, 170.0  # seconds that a job takes; the model's usual time is 90
_LATENCY = 0.1, 1.0  # seconds until a vendor answers a question
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
        done = _seconds() >= self.ends[name]
        await asyncio.sleep(self.rng.uniform(*_LATENCY))
        made = {"status": "completed", "url": "https://media.example.com/a.mp4"} if done else {"status": "in_progress"}
        return Reply(200, json={"id": name, **made})

    async def record(self, changed: Job) -> Job:
        """Writes a job."""
        if changed.status.final:
            self.noticed[str(changed.upstream_id)] = _seconds()
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


def test_1000_open_jobs_completion_lag_p99() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        world = runner.run(_played())
    lags = sorted(world.noticed[name] - end for name, end in world.ends.items())
    assert len(lags) == _JOBS
    assert lags[_JOBS * 99 // 100] < 1.5 * SLOWEST  # one pause between two questions, and some for standing in line
    assert sum(world.questions.values()) < 15 * _JOBS  # bought with patience and not with questions
    assert _measured(world) >= sum(lags)  # what is measured is what it was at most


def _measured(world: World) -> float:
    """The sum of all lags, as the metrics have it."""
    families = world.telemetry.metrics.registry.collect()
    return sum(sample.value for family in families for sample in family.samples if sample.name == f"{LAG.name}_sum")


async def _played() -> World:
    world = World(random.Random(18))
    poller = Poller(
        recorder=cast(Recorder, world),
        vendors=cast(Vendors, world),
        configuration=cast(Configuration, world),
        credentials=cast(Credentials, world),
        health=cast(Health, world),
        now=lambda: NOW + timedelta(seconds=_seconds()),
        seconds=_seconds,
    )
    for number in range(_JOBS):
        name = f"up-{number}"
        world.ends[name] = world.rng.uniform(_QUICKEST, _LONGEST)
        place = {"adapter": "openai", "channel_id": f"channel_{number % _CHANNELS}", "credential_id": "credential_1"}
        poller.add(job(id=f"task_{number}", upstream_id=name, stage=Stage.ACCEPTED, accepted_at=NOW, **place))
    running = asyncio.create_task(poller.run())
    async with asyncio.timeout(_PATIENCE):
        await world.complete.wait()
    await poller.drain()
    running.cancel()
    return world


def _seconds() -> float:
    return asyncio.get_running_loop().time()

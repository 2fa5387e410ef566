"""Who answers in a round: the fake vendor itself, yardsticks, the gateway, and other gateways where they are installed."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.compiled import program
from bench.gateway import Gateway, running_gateway
from bench.peers import LITELLM, NGINX, PORTKEY, running_peers
from bench.processes import Server, running
from bench.setting import Setting

DIRECT, BARE, USUAL, PLAIN = (
    "vendor itself",
    "bare Starlette + aiohttp",
    "FastAPI + pydantic + httpx",
    "FastAPI + pydantic + aiohttp",
)
GATEWAY, CARELESS = "gateway", "gateway, results not kept"
OTHERS = (LITELLM, PORTKEY, NGINX)

__all__ = ["BARE", "CARELESS", "DIRECT", "GATEWAY", "LITELLM", "NGINX", "OTHERS", "PLAIN", "PORTKEY", "USUAL", "Target", "Targets"]


def _nothing() -> None:
    """Nothing is left to do after its answers."""


@dataclass(frozen=True, slots=True)
class Target:
    """One server and how it is asked; `settle` returns when it has done all that its answers left to do."""

    name: str
    server: Server
    headers: Mapping[str, str] = field(default_factory=dict)
    settle: Callable[[], None] = _nothing

    @property
    def measured(self) -> bool:
        """Whether its CPU and memory say anything: those of the fake vendor do not."""
        return self.name != DIRECT


@dataclass(frozen=True, slots=True)
class Targets:
    """All of them, the gateway apart."""

    gateway: Gateway
    all: tuple[Target, ...]

    def chosen(self, *names: str) -> tuple[Target, ...]:
        """Those of these names that are running, in their own order."""
        return tuple(target for target in self.all if target.name in names)


@contextmanager
def running_targets(setting: Setting, *, delay: float = 0.0) -> Iterator[Targets]:
    """Starts everything; answers for the model of that name are held back for `delay` seconds."""
    with ExitStack() as stack:
        upstream = stack.enter_context(running_upstream(setting, delay))
        started = [Target(DIRECT, upstream)]
        for name, command in yardsticks(upstream.base).items():
            server = stack.enter_context(running(name, command, core=setting.cores.server, folder=setting.folder))
            started.append(Target(name, server))
        gateway = stack.enter_context(running_gateway(upstream.base, setting.cores.server, setting.folder))
        for name, key in ((GATEWAY, gateway.key), (CARELESS, gateway.careless_key)):
            started.append(Target(name, gateway.server, {"authorization": f"Bearer {key}"}, gateway.await_quiet))
        if setting.peers:
            peers = stack.enter_context(running_peers(upstream.base, setting.cores.server, setting.folder))
            started += [Target(name, peer.server, peer.headers) for name, peer in peers.items()]
        yield Targets(gateway, tuple(started))


@contextmanager
def running_upstream(setting: Setting, delay: float = 0.0) -> Iterator[Server]:
    """The fake vendor alone."""
    command = [str(program("upstream")), str(round(delay * 1000))]
    with running("upstream", command, core=setting.cores.around, folder=setting.folder) as server:
        yield server


def yardsticks(upstream: str) -> dict[str, list[str]]:
    """How the servers are started that the gateway is compared with, without any others' work."""
    return {
        BARE: [sys.executable, "-m", "bench.passthrough", upstream],
        USUAL: [sys.executable, "-m", "bench.plain", "httpx", upstream],
        PLAIN: [sys.executable, "-m", "bench.plain", "aiohttp", upstream],
    }

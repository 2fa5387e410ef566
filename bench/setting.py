"""What every workload is given: where it may run, how long, and whom it tells."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Cores


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often each case is measured."""

    name: str
    rounds: int
    seconds: float

    @property
    def quick(self) -> bool:
        """Whether this run only proves that everything works."""
        return self.name == "quick"


QUICK, FULL = Pace("quick", rounds=2, seconds=1.0), Pace("full", rounds=3, seconds=2.0)


@dataclass(frozen=True, slots=True)
class Setting:
    """The circumstances of one workload; `folder` is its own, on a real disk, and goes away after it.

    With `peers`, other gateways are measured beside ours where a workload can.
    """

    cores: Cores
    folder: Path
    pace: Pace
    tell: Callable[[str], None]
    peers: bool = False

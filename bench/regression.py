"""Has a request become dearer? CPU of the gateway against that of a bare pass-through, in less than a minute.

    python -m bench.regression       exits with 1 where a ratio is above its limit in limits.toml

CPU time, not wall time, and ratios of the least of several interleaved rounds: what else the machine does only ever adds to a
round, to either side.
"""

import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.compiled import NoCompiler
from bench.gateway import Gateway, running_gateway
from bench.images import request
from bench.load import Manner, Request
from bench.processes import RESULTS, Server, running, two_cores
from bench.rounds import Case, Row, Rows, interleaved
from bench.setting import Pace, Setting
from bench.targets import BARE, CARELESS, GATEWAY, Target, running_upstream, yardsticks
from bench.videos import CREATE, PATH, STATUS, WANTED

LIMITS = Path(__file__).with_name("limits.toml")

_IMAGE, _TO_ITS_END = "image", "video to its end"
_PACE = Pace("regression", rounds=5, seconds=0.0)
_MANY, _FEW = Manner(connections=8, count=300, warm_up=0.0), Manner(connections=8, count=80, warm_up=0.0)


@dataclass(frozen=True, slots=True)
class Ratio:
    """What was measured and what is allowed."""

    name: str
    measured: float
    limit: float

    @property
    def held(self) -> bool:
        """Whether it is allowed."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.measured:.2f} times a bare pass-through, limit {self.limit:g}{'' if self.held else ': TOO MUCH'}"
        )


def judged(measured: Mapping[str, float], limits: Mapping[str, float]) -> list[Ratio]:
    """Each ratio with its limit; raises ValueError where a limit is missing, or is one for nothing that is measured."""
    if measured.keys() != limits.keys():
        raise ValueError(f"limits are for {', '.join(sorted(limits))}; measured are {', '.join(sorted(measured))}")
    return [Ratio(name, value, limits[name]) for name, value in measured.items()]


def least(row: Row | None, figure: str) -> float:
    """Of all rounds."""
    return min(getattr(one, figure) for one in row.rounds) if row is not None else 0.0


def ratios(rows: Rows) -> dict[str, float]:
    """By the names that limits.toml has."""
    compared = {
        _IMAGE: (CARELESS, _IMAGE, _MANY, "cpu_us"),
        CREATE: (GATEWAY, CREATE, _FEW, "cpu_us"),
        _TO_ITS_END: (GATEWAY, CREATE, _FEW, "whole_cpu_us"),
        STATUS: (GATEWAY, STATUS, _MANY, "cpu_us"),
    }
    return {
        name: least(rows.one(ours, title, manner), figure) / least(rows.one(BARE, title, manner), "cpu_us")
        for name, (ours, title, manner, figure) in compared.items()
    }


def measure(setting: Setting) -> Rows:
    """The rounds."""
    core, folder = setting.cores.server, setting.folder
    with ExitStack() as stack:
        upstream = stack.enter_context(running_upstream(setting))
        bare = stack.enter_context(running(BARE, yardsticks(upstream.base)[BARE], core=core, folder=folder))
        gateway = stack.enter_context(running_gateway(upstream.base, core, folder))
        return interleaved(setting, _cases(bare, gateway))


def _cases(bare: Server, gateway: Gateway) -> Sequence[Case]:
    kept, not_kept = ({"authorization": f"Bearer {key}"} for key in (gateway.key, gateway.careless_key))
    plain = Target(BARE, bare)
    ours = Target(GATEWAY, gateway.server, kept, gateway.await_quiet)
    careless = Target(CARELESS, gateway.server, not_kept, gateway.await_quiet)
    return (
        *(Case(_IMAGE, target, request(target), _MANY) for target in (plain, careless)),
        *(Case(CREATE, target, Request(PATH, WANTED, target.headers), _FEW) for target in (plain, ours)),
        Case(STATUS, plain, Request(f"{PATH}/video_open_1"), _MANY),
        Case(STATUS, ours, Request(f"{PATH}/{gateway.open_job}", headers=kept), _MANY),
    )


def main() -> int:
    """The command."""
    RESULTS.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=RESULTS, prefix="run-") as folder:
            rows = measure(Setting(two_cores(), Path(folder), _PACE, lambda line: None))
    except NoCompiler as error:
        print(error, file=sys.stderr)
        return 2
    errors = sum(row.errors() for row in rows.all)
    found = judged(ratios(rows), tomllib.loads(LIMITS.read_text(encoding="utf-8")))
    print(*found, sep="\n")
    if errors:
        print(f"{errors} requests failed: the ratios say nothing.", file=sys.stderr)
    elif not all(ratio.held for ratio in found):
        print(f"A request costs more than {LIMITS.name} allows.", file=sys.stderr)
    return 1 if errors or not all(ratio.held for ratio in found) else 0


if __name__ == "__main__":
    sys.exit(main())

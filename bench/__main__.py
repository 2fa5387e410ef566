"""`python -m bench`: measures the gateway on this machine. Needs Linux and a C compiler; two idle cores are best."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import cast

from bench import peers
from bench.compiled import NoCompiler, program
from bench.findings import Finding
from bench.machine import described
from bench.processes import RESULTS, ROOT, Cores, two_cores
from bench.report import Run, markdown, refusals, write
from bench.setting import FULL, QUICK, Pace, Setting


@dataclass(frozen=True, slots=True)
class Workload:
    """A module with `measure(setting)`, and the codes by which it is chosen; `peers`: other gateways can do it, too."""

    module: str
    codes: tuple[str, ...]
    peers: bool = False

    def measure(self, setting: Setting) -> list[Finding]:
        """Imported only when it is run: some need more than others."""
        found = cast(Callable[[Setting], list[Finding]], import_module(f"bench.{self.module}").measure)
        return found(setting)


WORKLOADS = (
    Workload("images", ("W1", "W7"), peers=True),
    Workload("pictures", ("W2",), peers=True),
    Workload("videos", ("W3", "W4"), peers=True),
    Workload("stored", ("W4", "stored")),
    Workload("lag", ("W5",)),
    Workload("downloads", ("W6",)),
    Workload("burst", ("W8",), peers=True),
    Workload("memory", ("W9",), peers=True),
    Workload("workers", ("W10",)),
    Workload("sandbox", ("W11",)),
    Workload("polling", ("polls",)),
)


def main() -> int:
    """The command."""
    given = _arguments()
    pace, cores = QUICK if given.quick else FULL, two_cores()
    problem = _cannot_run(given.peers)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    if cores.server == cores.around:
        print("Only one core: the load generator takes its time from the server, rps and latencies say little.", file=sys.stderr)
    machine = described(cores, with_peers=given.peers)
    run = _measured(_chosen(given.codes, peers_only=given.peers), pace, cores, machine, with_peers=given.peers)
    print(markdown(run))
    print("\n" + "\n".join(str(path.relative_to(ROOT)) for path in write(run, RESULTS)), file=sys.stderr)
    return 1 if run.failed else 0


def _arguments() -> argparse.Namespace:
    codes = sorted({code for workload in WORKLOADS for code in workload.codes}, key=lambda code: (len(code), code))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("codes", nargs="*", metavar="W", help=f"which workloads, all if none is named: {', '.join(codes)}")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: only shows that everything works")
    parser.add_argument("--peers", action="store_true", help="LiteLLM, Portkey and nginx, too, where they can do a workload")
    given = parser.parse_args()
    if unknown := set(given.codes) - set(codes):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return given


def _cannot_run(with_peers: bool) -> str:
    """Why not; empty if it can."""
    if sys.platform != "linux":
        return "The suite reads /proc and pins processes to cores: it needs Linux."
    RESULTS.mkdir(exist_ok=True)
    try:
        program("load"), program("upstream")
        if with_peers:
            peers.install()
    except (NoCompiler, peers.Missing) as error:
        return str(error)
    return ""


def _chosen(codes: Sequence[str], *, peers_only: bool) -> list[Workload]:
    if codes:
        return [workload for workload in WORKLOADS if set(codes) & set(workload.codes)]
    return [workload for workload in WORKLOADS if workload.peers or not peers_only]


def _measured(workloads: Sequence[Workload], pace: Pace, cores: Cores, machine: dict[str, object], *, with_peers: bool) -> Run:
    findings: list[Finding] = []
    failed: dict[str, str] = {}
    for workload in workloads:
        started = time.monotonic()
        # the database lies where the results do: a temporary folder may be in memory, where a commit costs nothing
        with tempfile.TemporaryDirectory(dir=RESULTS, prefix="run-") as folder:
            setting = Setting(cores, Path(folder), pace, _teller(workload), peers=with_peers)
            try:
                findings += workload.measure(setting)
            except Exception as error:  # noqa: BLE001 - one workload that breaks must not cost the hour of the others
                failed[workload.module] = f"{type(error).__name__}: {error}"
                setting.tell(f"broke: {error!r}")
        _teller(workload)(f"{time.monotonic() - started:.0f} s")
    return Run(datetime.now(UTC), pace, machine, findings, failed | refusals(findings))


def _teller(workload: Workload) -> Callable[[str], None]:
    return lambda line: print(f"{workload.module}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

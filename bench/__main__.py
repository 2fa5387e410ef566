"""`python -m bench`: measures the gateway against a bare pass-through on this machine. Needs Linux; two idle cores are best."""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.processes import ROOT, two_cores
from bench.report import markdown, write_json
from bench.suite import FULL, QUICK, measure, prepared

_RESULTS = ROOT / "bench" / "results"
_NOTE = """\
Medians of {rounds} interleaved rounds. One worker, everything on, SQLite with synchronous=FULL, loopback without TLS, tiny
bodies. CPU is the server's time per answer; "to bare" divides it by that of the bare pass-through (no keys, no routing, no
rows) in the same rounds. W3 counts creates alone; "to the job's end" adds the one poll that ends each job. Compare only inside
one table."""


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: one minute instead of five")
    pace = QUICK if parser.parse_args().quick else FULL
    if sys.platform != "linux":
        print("The suite reads /proc and pins processes to cores: it needs Linux.", file=sys.stderr)
        return 2
    cores = two_cores()
    if cores.server == cores.around:
        print("Only one core: the load generator takes its time from the server, rps and latencies say little.", file=sys.stderr)
    _RESULTS.mkdir(exist_ok=True)
    # the database lies where the results do: a temporary folder may be in memory, where a commit costs nothing
    with tempfile.TemporaryDirectory(dir=_RESULTS, prefix="run-") as folder, prepared(cores, Path(folder)) as bench:
        results = measure(bench, pace, lambda line: print(line, file=sys.stderr, flush=True))
    now = datetime.now(UTC)
    path = _RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    write_json(path, results, pace, cores, now)
    print(f"{markdown(results)}\n\n{_NOTE.format(rounds=pace.rounds)}\n\n{path.relative_to(ROOT)}")
    return 1 if any(row.errors() for row in results.rows) else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.chaos`: kills gateways at random moments under load, and proves that nothing was lost, doubled or stuck."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

import pytest

from tests.chaos.campaign import PRICE, Plan, campaign
from tests.chaos.report import report
from tests.chaos.verdict import findings
from tests.databases import KINDS, empty_database


def main() -> int:
    """The command; 1 when anything happened that must not, 2 when it could not begin."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop killing after this time at the latest")
    parser.add_argument("--database", choices=KINDS, default="postgresql")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seed", type=int, default=None, help="of the moments, moods and requests; the machine adds its own")
    parser.add_argument("--folder", type=Path, default=None, help="keep the gateways' files and output here")
    given = parser.parse_args()
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    _say(f"seed {seed}, {given.kills} kills of {given.processes} processes on {given.database}")
    plan = Plan(given.kills, seed, given.minutes, given.processes, given.clients)
    try:
        with tempfile.TemporaryDirectory(prefix="filmgate-chaos-") as temporary:
            folder = given.folder or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            return _run(plan, given.database, folder)
    except pytest.skip.Exception as missing:
        _say(str(missing))
        return 2


def _run(plan: Plan, kind: str, folder: Path) -> int:
    with empty_database(kind, folder) as url:
        result = asyncio.run(campaign(plan, url, folder, _say))
    found = findings(result.evidence, PRICE)
    _say(report(result, found))
    return 1 if any(found.values()) else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""How much asking about open jobs costs: questions per second of one core, commits for what changed, memory.

The jobs are put into the database as another process would have left them, and a gateway that starts there takes them over.
Their model is known to take 12 seconds, so that each is asked about every second: more than one core can do.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.store.tables import jobs
from bench.findings import Finding
from bench.processes import running
from bench.setting import Setting
from bench.site import Site, site, vendor_command

OPEN_JOBS, FEW = 10_000, 100
PER_CORE, MEMORY, COMMITS = "polls/s per core", "MB per 10,000 open jobs", "commits per 1000 changed jobs"
_PACE = 12.0  # seconds; asked about twelve times in it, and that is every second
_AHEAD = 40  # seconds by which the accept lies in the future: a job that is older than twice its pace is asked more seldom
_WARM_UP = 3.0  # seconds
# https://sqlite.org/fileformat2.html#walformat
_HEAD, _FRAME = 32, 24  # bytes before the first frame, and of a frame before its page
_PAGE_SIZE, _SALTS, _FRAME_SALTS, _SIZE_AFTER = slice(8, 12), slice(16, 24), slice(8, 16), slice(4, 8)
_NOTE = """\
{open:,} open jobs on one channel, one worker, SQLite, a vendor on loopback that answers at once. "Per core" divides by the CPU time
of the gateway. Memory is the difference between two gateways that are asked alike, with {few} and with {open:,} jobs. Commits are
counted in the database's own log."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One gateway at work; `commits` are for `changed` rows."""

    polls_per_second: float
    cpu_us: float  # of a poll
    resident_mb: float
    commits: int
    changed: int


def measure(setting: Setting) -> list[Finding]:
    """Jobs without news, the same number with news in every answer, and few of them."""
    with running("vendor", vendor_command(), core=setting.cores.around, folder=setting.folder) as vendor:
        template = setting.folder / "template"
        with site(template, [setting.cores.server], vendor.base) as made_at:
            key, original = made_at.key, made_at.create("a small red kite, OPEN")
            made_at.reached(original, "in_progress")  # so that there is no news when it is asked about again
        cases = {
            f"{OPEN_JOBS:,}, nothing new": (OPEN_JOBS, "open"),
            f"{OPEN_JOBS:,}, news in every answer": (OPEN_JOBS, "changing"),
            f"{FEW}, nothing new": (FEW, "open"),
        }
        found: dict[str, Figures] = {}
        for title, (count, upstream) in cases.items():
            setting.tell(f"open jobs: {title}")
            folder = setting.folder / upstream / str(count)
            shutil.copytree(template, folder)
            _store(folder / "filmgate.db", original, count, upstream)
            with site(folder, [setting.cores.server], key=key) as gateway:
                found[title] = _figures(gateway, vendor.base, folder / "filmgate.db", 2.0 if setting.pace.quick else 8.0)
    quiet, busy, few = found.values()
    figures = {
        PER_CORE: 1e6 / quiet.cpu_us,
        MEMORY: (quiet.resident_mb - few.resident_mb) / (OPEN_JOBS - FEW) * 1e4,
        COMMITS: busy.commits / max(busy.changed, 1) * 1000,
    }
    rows = tuple(
        (
            *(title, f"{one.polls_per_second:.0f}", f"{one.cpu_us:.0f}", f"{1e6 / one.cpu_us:.0f}"),
            *(str(one.changed), str(one.commits), f"{one.resident_mb:.0f}"),
        )
        for title, one in found.items()
    )
    columns = ("open jobs", "polls/s", "CPU µs a poll", "polls/s per core", "rows changed", "commits", "RSS MB")
    return [Finding("polls", "Asking about open jobs", columns, rows, figures, _NOTE.format(open=OPEN_JOBS, few=FEW))]


def _store(database: Path, original: str, count: int, upstream: str) -> None:
    """Copies of the job that nobody has, with ids of their own at the vendor."""
    own = {
        "id": "'task_' || substr(CAST(100000000000000000000000000 + n AS TEXT), 1, 16) || printf('%010d', n)",
        "upstream_id": f"'{upstream}_' || n",
        "lease_owner": "NULL",
        "accepted_at": f"accepted_at + {_AHEAD * 1_000_000}",
    }
    names = [column.name for column in jobs.columns if column.name != "number"]
    values = ", ".join(own.get(name, f'"{name}"') for name in names)
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
    columns = ", ".join(f'"{name}"' for name in names)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"{numbers} INSERT INTO jobs ({columns}) SELECT {values} FROM numbers JOIN jobs ON id = ?", (original,))
        connection.execute("INSERT INTO paces VALUES ('openai', 'video/bench-video', ?, 1)", (_PACE,))


def _figures(gateway: Site, vendor: str, database: Path, seconds: float) -> Figures:
    polls = _polls(vendor)
    while _polls(vendor) == polls:
        time.sleep(0.1)
    time.sleep(_WARM_UP)
    started, polls, cpu = time.monotonic(), _polls(vendor), gateway.server.cpu_seconds()
    time.sleep(seconds)
    cpu, polls = gateway.server.cpu_seconds() - cpu, _polls(vendor) - polls
    took, resident = time.monotonic() - started, gateway.server.resident_mb()
    # afterwards, because a log that cannot be begun anew costs time
    with _log_kept(database):
        commits, changed = _commits(database), _changes(database)
        time.sleep(seconds)
        commits, changed = _commits(database) - commits, _changes(database) - changed
    return Figures(polls / took, cpu / max(polls, 1) * 1e6, resident, commits, changed)


def _polls(vendor: str) -> int:
    return int(httpx.get(f"{vendor}/polls", timeout=30.0).text)


@contextmanager
def _log_kept(database: Path) -> Iterator[None]:
    """While somebody reads, SQLite only adds to its write-ahead log."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM paces").fetchone()
        yield
        connection.execute("ROLLBACK")


def _commits(database: Path) -> int:
    """Commits in the log: the last page of each says how large the database then is."""
    log = database.with_name(f"{database.name}-wal").read_bytes()
    step = _FRAME + int.from_bytes(log[_PAGE_SIZE])
    found = 0
    for start in range(_HEAD, len(log) - step + 1, step):
        frame = log[start : start + _FRAME]
        if frame[_FRAME_SALTS] != log[_SALTS]:
            break  # left from before the log was last begun anew
        found += any(frame[_SIZE_AFTER])
    return found


def _changes(database: Path) -> int:
    """How often rows changed: by one percent of progress each time."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30.0)) as connection:
        found: int = connection.execute("SELECT sum(progress) FROM jobs").fetchone()[0]
    return found

"""W4: whether status reads and lists cost the same however many jobs are stored."""

import random
import shutil
import sqlite3
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from bench.asking import asked, wire
from bench.findings import Finding
from bench.processes import running
from bench.seed import Copies, Originals, fill_postgres, fill_sqlite
from bench.setting import Setting
from bench.site import ADMIN_KEY, Site, done, postgres_database, postgres_server, site, vendor_command

SIZES, QUICK_SIZES = (1_000, 100_000, 1_000_000), (1_000, 50_000)
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
STATUS, LISTS = "status flatness", "list flatness"
_QUESTIONS = 400  # different ones of each kind
_PAGE = 20
_NOTE = """\
Each cell: median ms at 1 connection / server CPU in µs, medians of interleaved rounds. Flat is the last size over the first, of
time or of CPU, whichever is more. The jobs are copies of real ones, one in ten is the asking key's. PostgreSQL's own CPU is not
counted."""


@dataclass(frozen=True, slots=True)
class Store:
    """A gateway with so many jobs."""

    site: Site
    copies: Copies

    def questions(self, chance: random.Random) -> dict[str, tuple[str, list[str]]]:
        """What is asked, by its name: the figure that it counts for, and whole requests."""
        base, key = self.site.base, self.site.key
        own = [self.copies.id_of(number) for number in chance.choices(self.copies.own()[2 * _PAGE :], k=_QUESTIONS)]
        deep = [wire(base, f"/v1/videos?limit={_PAGE}&after={job}", key) for job in own]
        before = [wire(base, f"/admin/jobs?limit=50&before={job}", ADMIN_KEY) for job in own]
        filters = {
            "failed": "status=failed",
            "in progress (none)": "status=in_progress",
            "of a key": f"key_id={self.key_id()}",
            "of a channel (all)": "channel=bench",
        }
        return {
            "status": (STATUS, [wire(base, f"/v1/videos/{job}", key) for job in own]),
            "list, first page": (LISTS, [wire(base, f"/v1/videos?limit={_PAGE}", key)]),
            "list, deep pages": (LISTS, deep),
            "admin list, first page": (LISTS, [wire(base, "/admin/jobs?limit=50", ADMIN_KEY)]),
            "admin list, deep pages": (LISTS, before),
            **{
                f"admin list, {name}": (LISTS, [wire(base, f"/admin/jobs?limit=50&{given}", ADMIN_KEY)])
                for name, given in filters.items()
            },
        }

    def key_id(self) -> str:
        """Of the key that owns the originals."""
        found: str = self.site.admin.get(f"/admin/jobs/{self.copies.originals.completed}").raise_for_status().json()["key_id"]
        return found


@dataclass(slots=True)
class Case:
    """One kind of question with what the rounds gave, by size: median ms and CPU in µs."""

    counts_for: str
    wires: dict[int, list[str]] = field(default_factory=dict)
    p50_ms: dict[int, list[float]] = field(default_factory=dict)
    cpu_us: dict[int, list[float]] = field(default_factory=dict)

    def flatness(self) -> float:
        """How many times as much the largest size costs as the smallest."""
        first, last = min(self.wires), max(self.wires)
        return max(statistics.median(found[last]) / statistics.median(found[first]) for found in (self.p50_ms, self.cpu_us))

    def cells(self) -> list[str]:
        """For people."""
        medians = ((statistics.median(self.p50_ms[size]), statistics.median(self.cpu_us[size])) for size in sorted(self.wires))
        return [*(f"{ms:.2f} / {us:.0f}" for ms, us in medians), f"{self.flatness():.2f}"]


def measure(setting: Setting) -> list[Finding]:
    """On SQLite, and on PostgreSQL where a server answers."""
    sizes = QUICK_SIZES if setting.pace.quick else SIZES
    server = postgres_server()
    with running("vendor", vendor_command(), core=setting.cores.around, folder=setting.folder) as vendor:
        found = {SQLITE: _on(setting, sizes, vendor.base, None)}
        if server is not None:
            found[POSTGRESQL] = _on(setting, sizes, vendor.base, server)
    rows = tuple((name, question, *case.cells()) for name, cases in found.items() for question, case in cases.items())
    figures = {
        kind: max(case.flatness() for cases in found.values() for case in cases.values() if case.counts_for == kind)
        for kind in (STATUS, LISTS)
    }
    columns = ("database", "question", *(f"{size:,} jobs" for size in sizes), "flat")
    return [Finding("W4", "Reads of many stored jobs", columns, rows, figures, _NOTE)]


def _on(setting: Setting, sizes: Sequence[int], vendor: str, server: str | None) -> dict[str, Case]:
    folder = setting.folder / (SQLITE if server is None else POSTGRESQL)
    folder.mkdir()
    with _stores(setting, sizes, vendor, server, folder) as stores:
        cases: dict[str, Case] = {}
        for size, store in stores.items():
            for question, (counts_for, wires) in store.questions(random.Random(size)).items():
                case = cases.setdefault(question, Case(counts_for))
                case.wires[size], case.p50_ms[size], case.cpu_us[size] = wires, [], []
        for number in range(setting.pace.rounds + 1):
            setting.tell(f"{folder.name}: round {number} of {setting.pace.rounds}" if number else f"{folder.name}: rehearsal")
            for case in cases.values():
                for size, store in stores.items():
                    _round(setting, case, size, store.site, counts=number > 0)
    shutil.rmtree(folder)
    return cases


def _round(setting: Setting, case: Case, size: int, asked_site: Site, *, counts: bool) -> None:
    before = asked_site.server.cpu_seconds()
    answers = asked(
        *(asked_site.base, case.wires[size]),
        core=setting.cores.around,
        folder=setting.folder,
        connections=1,
        seconds=setting.pace.seconds,
    )
    if answers.errors or not answers.answered:
        raise RuntimeError(f"{answers.errors} of {answers.answered} answers about {size} jobs were errors: {case.wires[size][0]}")
    if counts:
        case.p50_ms[size].append(answers.p50_ms)
        case.cpu_us[size].append((asked_site.server.cpu_seconds() - before) / answers.answered * 1e6)


@contextmanager
def _stores(setting: Setting, sizes: Sequence[int], vendor: str, server: str | None, folder: Path) -> Iterator[Mapping[int, Store]]:
    """A gateway for each size, all at the same time, each on a copy of one in which two jobs were made."""
    with ExitStack() as stack:
        template = stack.enter_context(postgres_database(server)) if server else ""
        with site(folder / "template", [setting.cores.server], vendor, database=template) as made_at:
            key, completed, failed = made_at.key, *_made(made_at)
        originals = Originals(completed, failed, _created(folder / "template", template, completed))
        stores: dict[int, Store] = {}
        for size in sizes:
            setting.tell(f"{folder.name}: storing {size:,} jobs")
            copies, own = Copies(originals, size), folder / str(size)
            shutil.copytree(folder / "template", own)
            url = ""
            if server:
                url = stack.enter_context(postgres_database(server, template.rpartition("/")[2]))
                fill_postgres(url, copies)
            else:
                fill_sqlite(own / "filmgate.db", copies)
            stores[size] = Store(stack.enter_context(site(own, [setting.cores.server], key=key, database=url)), copies)
        yield stores


def _made(made_at: Site) -> tuple[str, str]:
    """A completed job and a failed one."""
    completed = made_at.create("a small red kite above a quiet harbour", **{"Idempotency-Key": "one"})
    failed = made_at.create("FAIL: a small red kite above a quiet harbour", **{"Idempotency-Key": "two"})
    made_at.reached(completed)
    made_at.reached(failed, "failed")
    made_at.no_copies_due()
    return completed, failed


def _created(folder: Path, url: str, job: str) -> int:
    """When the job was created, in stored time."""
    if url:
        return done(_asked(url, job))
    connection = sqlite3.connect(folder / "filmgate.db")
    created: int = connection.execute("SELECT created_at FROM jobs WHERE id = ?", (job,)).fetchone()[0]
    connection.close()
    return created


async def _asked(url: str, job: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT created_at FROM jobs WHERE id = $1", job))
    finally:
        await connection.close()

"""The figures as a Markdown table for people and as JSON for comparison."""

import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path

from bench.processes import ROOT, Cores
from bench.suite import BARE, DIRECT, GATEWAY, Pace, Results, Row, as_json

_COLUMNS = (
    "case",
    "served by",
    "connections",
    "rps",
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "CPU to bare",
    "CPU µs to the job's end",
    "RSS MB",
    "errors",
)
_LIBRARIES = ("aiohttp", "fastapi", "httptools", "httpx", "sqlalchemy", "starlette", "uvicorn", "uvloop")


def markdown(results: Results) -> str:
    """One table: every case, then the memory; "to bare" = divided by the bare pass-through's figure for the same case."""
    bare = {(row.case.code, row.case.connections): row for row in results.rows if row.case.served_by == BARE}
    lines = [_cells(row, bare.get((row.case.code, row.case.connections))) for row in results.rows]
    lines += [_memory("W9 memory, idle", name, megabytes) for name, megabytes in results.idle_mb.items()]
    lines += [_memory("W9 memory, after load", name, _after(results, name)) for name in results.idle_mb]
    head = [list(_COLUMNS), ["---"] * 2 + ["---:"] * (len(_COLUMNS) - 2)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*head, *lines])


def write_json(path: Path, results: Results, pace: Pace, cores: Cores, now: datetime) -> None:
    """Every round, and what they were measured on."""
    document = {
        "at": now.isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": _machine(cores),
        "rounds": pace.rounds,
        "seconds": pace.seconds,
        "idle_mb": results.idle_mb,
        "cases": as_json(results),
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cells(row: Row, bare: Row | None) -> list[str]:
    case, cpu = row.case, row.median("cpu_us")
    ratio = f"{cpu / bare.median('cpu_us'):.2f}" if bare is not None and case.served_by == GATEWAY else ""
    measured = case.served_by != DIRECT  # what the fake vendor and its neighbours cost says nothing
    return [
        f"{case.code} {case.title}",
        case.served_by,
        str(case.connections),
        f"{row.median('rps'):.0f}",
        f"{row.median('p50_ms'):.2f}",
        f"{row.median('p99_ms'):.2f}",
        f"{cpu:.0f}" if measured else "",
        ratio,
        f"{row.median('job_cpu_us'):.0f}" if case.makes_jobs else "",
        f"{row.median('resident_mb'):.0f}" if measured else "",
        str(row.errors()),
    ]


def _memory(title: str, name: str, megabytes: float) -> list[str]:
    return [title, name, *[""] * 7, f"{megabytes:.0f}", ""]


def _after(results: Results, name: str) -> float:
    """What the server held when its last case was done."""
    return [row for row in results.rows if row.case.served_by == name][-1].rounds[-1].resident_mb


def _machine(cores: Cores) -> Mapping[str, object]:
    return {
        "processor": _processor(),
        "cores": {"server": cores.server, "around": cores.around},
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    """What is measured; empty outside of a repository."""
    try:
        ended = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return ended.stdout.strip()

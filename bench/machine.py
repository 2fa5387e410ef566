"""What a run was measured on, and what of."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from bench import peers
from bench.processes import ROOT, Cores

_LIBRARIES = (
    "aiohttp",
    "asyncpg",
    "fastapi",
    "httptools",
    "httpx",
    "orjson",
    "pydantic",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "uvloop",
)


def described(cores: Cores, *, with_peers: bool) -> dict[str, object]:
    """For the results, by name."""
    return {
        "commit": commit(),
        "processor": _processor(),
        "cores": {"of the machine": os.cpu_count(), "server": cores.server, "around": cores.around},
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "peers": peers.versions() if with_peers else {},
    }


def in_words(machine: Mapping[str, object]) -> str:
    """The same as one Markdown list."""
    return "\n".join(f"* {name}: {_said(value)}" for name, value in machine.items() if value)


def commit() -> str:
    """What is measured; empty outside of a repository."""
    try:
        ended = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return ended.stdout.strip()


def _said(value: object) -> str:
    return ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, Mapping) else str(value)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())

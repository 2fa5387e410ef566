"""A gateway on a database of one's choice with a vendor behind it; can be stopped and started again on what it has stored."""

import asyncio
import base64
import itertools
import os
import sys
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import asyncpg
import httpx

from bench.processes import Server, running

VIDEO_MODEL, IMAGE_MODEL = "bench-video", "bench-image"
POSTGRES = "postgresql://{user}@127.0.0.1:5432/postgres"

_Result = TypeVar("_Result")
ADMIN_KEY = "fg-admin-bench"
_SECRET_KEY = base64.b64encode(bytes(48)).decode()  # which PostgreSQL has to be told
_PATIENCE = 60.0  # seconds
_ON_THESE_CORES = """\
import os, sys
os.sched_setaffinity(0, map(int, sys.argv[1].split(",")))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Site:
    """A running gateway; `key` is that of a client."""

    server: Server
    key: str
    admin: httpx.Client

    @property
    def base(self) -> str:
        """Its address."""
        return self.server.base

    def knows(self, model: str) -> None:
        """Returns when the key may use this model: changes take a moment."""
        until(self.admin, f"/v1/models/{model}", {"Authorization": f"Bearer {self.key}"})

    def create(self, prompt: str, **headers: str) -> str:
        """Starts a video job and returns its id."""
        wanted = {"model": VIDEO_MODEL, "prompt": prompt}
        headers = {"Authorization": f"Bearer {self.key}", **headers}
        job: str = self.admin.post("/v1/videos", json=wanted, headers=headers).raise_for_status().json()["id"]
        return job

    def reached(self, job: str, status: str = "completed") -> None:
        """Returns when the job has this status."""
        until(self.admin, f"/v1/videos/{job}", {"Authorization": f"Bearer {self.key}"}, status=status)

    def cancel(self, job: str) -> None:
        """Ends an open job; one that has ended, here or at its vendor, stays as it is."""
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.admin.post(f"/v1/videos/{job}/cancel", headers=headers)
        if not answer.is_success and answer.json()["error"]["code"] not in ("already_finished", "cannot_cancel"):
            answer.raise_for_status()

    def no_copies_due(self) -> None:
        """Returns when every result is copied."""
        ends = time.monotonic() + _PATIENCE
        while self.figure("filmgate_copies_pending") > 0:
            if time.monotonic() > ends:
                raise RuntimeError("the results are not copied")
            time.sleep(0.2)

    def nothing_open(self) -> None:
        """Returns when every job has ended."""
        ends = time.monotonic() + _PATIENCE
        while self.figure("filmgate_jobs_open") > 0:
            if time.monotonic() > ends:
                raise RuntimeError("the jobs do not end")
            time.sleep(0.2)

    def figure(self, name: str) -> float:
        """The sum of all lines of one metric."""
        lines = self.admin.get("/metrics").raise_for_status().text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@contextmanager
def site(
    folder: Path,
    cores: Iterable[int],
    vendor: str = "",
    *,
    key: str = "",
    database: str = "",
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Starts it in `folder`, on SQLite there where no `database` URL is given; it is set up unless it already has this `key`."""
    folder.mkdir(exist_ok=True)
    own = {
        "FILMGATE_DATA_DIR": str(folder),
        "FILMGATE_ADMIN_KEY": ADMIN_KEY,
        "FILMGATE_SECRET_KEY": _SECRET_KEY,
        "FILMGATE_DATABASE_URL": database,
    }
    allowed = sorted(cores)
    command = [sys.executable, "-c", _ON_THESE_CORES, ",".join(map(str, allowed))]
    command += ["-m", "app", "serve", "--port", "0", "--workers", str(workers)]
    given = {**own, **(environment or {})}
    # started in its data folder, because a .env file in the repository is not to be read
    with (
        running("gateway", command, core=allowed[-1], folder=folder, environment=given, started_in=folder) as server,
        httpx.Client(base_url=server.base, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=30.0) as admin,
    ):
        until(admin, "/readyz")
        found = Site(server, key or _set_up(admin, vendor), admin)
        found.knows(VIDEO_MODEL if vendor or key else "sandbox-video")
        yield found


def _set_up(admin: httpx.Client, vendor: str) -> str:
    """Makes the channel and a client key."""
    channel = {
        "name": "bench",
        "adapter": "openai",
        "base_url": vendor,
        "credentials": [{"api_key": "canary"}],
        "models": [VIDEO_MODEL, IMAGE_MODEL],
        "prices": {VIDEO_MODEL: {"unit": "job", "usd": "0.01"}},  # for the ledger to have lines
    }
    if vendor:
        admin.post("/admin/channels", json=channel).raise_for_status()
    key: str = admin.post("/admin/keys", json={"name": "bench"}).raise_for_status().json()["key"]
    return key


def until(client: httpx.Client, path: str, headers: dict[str, str] | None = None, **expected: str) -> None:
    """Returns when this path is answered well, with these values."""
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        try:
            answer = client.get(path, headers=headers)
            if answer.is_success and all(answer.json().get(name) == value for name, value in expected.items()):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{path} is not answered as expected")


def vendor_command() -> list[str]:
    """Starts the vendor whose jobs end at moments of their own."""
    return [sys.executable, "-m", "bench.vendor"]


def postgres_server() -> str | None:
    """A PostgreSQL server on this machine in which databases can be made; None where there is none."""
    for user in (os.environ.get("PGUSER"), "root", "postgres"):
        if user:
            try:
                done(_command(POSTGRES.format(user=user), "SELECT 1"))
            except (OSError, asyncpg.PostgresError):
                continue
            return POSTGRES.format(user=user)
    return None


@contextmanager
def postgres_database(server: str, template: str = "template0") -> Iterator[str]:
    """The URL of a database of one's own, a copy of `template`, that is gone after the block."""
    name = f"filmgate_bench_{os.getpid()}_{next(_numbers)}"
    done(_command(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        done(_command(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


def done(work: Coroutine[object, object, _Result]) -> _Result:
    """Runs it to its end."""
    return asyncio.run(work)


async def _command(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()

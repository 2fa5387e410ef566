"""The gateway under test: `filmgate serve` as it is shipped, set up through its own admin API."""

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.processes import Server, running

IMAGE_MODEL, VIDEO_MODEL = "bench-image", "bench-video"
OPEN = "stay open"  # in a prompt: the fake vendor never finishes this video
READY = "/healthz"

_ADMIN_KEY = "fg-admin-bench"
_PATIENCE = 180.0  # seconds
_VARIANTS = tuple(f"{IMAGE_MODEL}-{kind}" for kind in ("2mb", "4mb", "slow"))  # see native/upstream.c
_UNDER_WAY = "SELECT count(*) FROM jobs WHERE status IN ('queued', 'in_progress')"
_TO_BE_COPIED = "SELECT count(*) FROM jobs WHERE copy_due IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway with one channel, two client keys, and one video job that never ends.

    Results are copied for `key`, as by default, and left with their vendor for `careless_key`.
    """

    server: Server
    key: str
    careless_key: str
    open_job: str
    admin: httpx.Client
    data: Path

    def await_quiet(self) -> None:
        """Returns when all jobs but the one that never ends have, and their results are copied; frees the disk of the copies."""
        ends = time.monotonic() + _PATIENCE
        while self._busy():
            if time.monotonic() > ends:
                raise RuntimeError("the jobs of the round did not end")
            time.sleep(0.05)
        for folder in (self.data / "files").glob("*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _busy(self) -> bool:
        # asked of the database: a question to the gateway would cost the very time that is measured
        with closing(sqlite3.connect(f"file:{self.data / 'filmgate.db'}?mode=ro", uri=True, timeout=30.0)) as database:
            under_way, to_be_copied = (int(database.execute(query).fetchone()[0]) for query in (_UNDER_WAY, _TO_BE_COPIED))
        return under_way > 1 or to_be_copied > 0


def command() -> list[str]:
    """What is started."""
    return [sys.executable, "-m", "app", "serve", "--port", "0"]


def environment(data: Path) -> dict[str, str]:
    """The default settings, on SQLite in `data`."""
    return {"FILMGATE_DATA_DIR": str(data), "FILMGATE_ADMIN_KEY": _ADMIN_KEY}


@contextmanager
def running_gateway(upstream: str, core: int, folder: Path) -> Iterator[Gateway]:
    """Starts it with one worker on a database of its own in `folder`, and sets it up."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    # started in its data folder, because a .env file in the repository is not to be read
    with (
        running(
            "gateway", command(), core=core, folder=folder, environment=environment(data), started_in=data, ready=READY
        ) as server,
        httpx.Client(base_url=server.base, headers=_bearer(_ADMIN_KEY), timeout=30.0) as admin,
    ):
        yield _set_up(server, admin, upstream, data)


def _set_up(server: Server, admin: httpx.Client, upstream: str, data: Path) -> Gateway:
    channel = {
        "name": "bench",
        "adapter": "openai",
        "base_url": upstream,
        "credentials": [{"api_key": "canary"}],
        "models": [IMAGE_MODEL, *_VARIANTS, VIDEO_MODEL],
    }
    admin.post("/admin/channels", json=channel).raise_for_status()
    key, careless = (_key(admin, keeps) for keeps in (None, False))
    _await(admin, f"/v1/models/{VIDEO_MODEL}", key)
    wanted = {"model": VIDEO_MODEL, "prompt": OPEN}
    made = admin.post("/v1/videos", json=wanted, headers=_bearer(key)).raise_for_status().json()
    return Gateway(server, key, careless, made["id"], admin, data)


def _key(admin: httpx.Client, keeps_results: bool | None) -> str:
    made = admin.post("/admin/keys", json={"name": f"bench {keeps_results}", "keep_results": keeps_results})
    text: str = made.raise_for_status().json()["key"]
    return text


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _await(client: httpx.Client, path: str, key: str) -> None:
    """Returns when this path is answered well: a change reaches the server."""
    ends = time.monotonic() + _PATIENCE
    while not client.get(path, headers=_bearer(key)).is_success:
        if time.monotonic() > ends:
            raise RuntimeError(f"{path} is not answered")
        time.sleep(0.05)

"""A database of each earlier version serves on: `earlier/*.json` holds what a gateway of that version left when it was stopped.

Whoever adds a migration adds the rows of the one before it: those of a gateway of that version over a scripted vendor, with
one completed, one failed and one running film of ten cents a second, and a picture.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, LargeBinary, MetaData, Table, insert

from app.domain.jobs import JobStatus
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.gateway import Gateway
from app.store import attempts, keys, ledger
from app.store import settings as setting_store
from app.store.keys import hash_key
from app.store.migrate import sole_connection
from app.store.versions import folder, known_revisions
from tests.api.vendor import Studio
from tests.gateways import CHANNEL, KEY, KEY_TEXT, ended, gateway_on, stored
from tests.store.test_migrate import difference

pytestmark = pytest.mark.anyio
EARLIER = Path(__file__).parent / "earlier"
REVISIONS = sorted(path.stem for path in EARLIER.glob("*.json"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Left:
    """What a gateway of an earlier version left: ids of jobs by what became of them, rows by table."""

    revision: str
    ids: dict[str, str]
    rows: dict[str, list[dict[str, Any]]]

    def has(self, table: str) -> bool:
        return table in self.rows

    def clock(self) -> Callable[[], datetime]:
        """A clock that begins a minute after that gateway was stopped."""
        stopped = _EPOCH + timedelta(microseconds=max(row["updated_at"] for row in self.rows["jobs"]))
        behind = datetime.now(UTC) - stopped - timedelta(minutes=1)
        return lambda: datetime.now(UTC) - behind


@pytest.fixture(params=REVISIONS)
def left(request: pytest.FixtureRequest) -> Left:
    document = json.loads((EARLIER / f"{request.param}.json").read_text(encoding="utf-8"))
    return Left(request.param, document["ids"], document["rows"])


def test_every_version_before_this_one_has_left_something() -> None:
    assert len(REVISIONS) > 1
    assert set(sorted(known_revisions())[:-1]) <= set(REVISIONS)


async def test_a_database_of_an_earlier_version_serves_on(left: Left, empty_database_url: str, tmp_path: Path) -> None:
    await made(left, empty_database_url)
    studio = Studio()
    studio.status, studio.progress = "completed", 100
    async with gateway_on(tmp_path, studio, database_url=empty_database_url, channels=(), keys=(), now=left.clock()) as (
        gateway,
        vendor,
    ):
        await check_jobs(left, gateway)
        await check_configuration(left, gateway)
        await check_money(left, gateway)
        assert vendor.creates() == 0
    async with sole_connection(empty_database_url) as connection:
        assert await connection.run_sync(difference) == []


async def check_jobs(left: Left, gateway: Gateway) -> None:
    found = {job.id: job for job in await stored(gateway)}
    completed, failed = (found[left.ids[name]] for name in ("completed", "failed"))
    running = await ended(gateway, left.ids["running"])
    assert {job["id"] for job in left.rows["jobs"]} == found.keys()
    assert (completed.status, completed.asked.prompt) == (JobStatus.COMPLETED, "a paper boat")
    assert completed.asked.client_task_id == "order-1"
    assert completed.outputs
    assert failed.failure is not None
    assert (running.status, running.upstream_id) == (JobStatus.COMPLETED, found[running.id].upstream_id)
    assert sorted(job.op for job in found.values()) == ["image", "video", "video", "video"]
    async with gateway.database.read() as connection:
        (tried,) = await attempts.of_job(connection, completed.id)
    assert (tried.outcome, tried.status) == ("accepted", 200)


async def check_configuration(left: Left, gateway: Gateway) -> None:
    key, channel = gateway.configuration.key(KEY_TEXT), gateway.configuration.channel(CHANNEL.id)
    assert key is not None
    assert (key.id, key.groups, key.store_prompts) == (KEY.id, frozenset({"default"}), True)
    assert key.budget == left.rows["keys"][0].get("budget")
    assert channel is not None
    assert channel.credentials == CHANNEL.credentials
    assert channel.prices == {"some-video-model": {"unit": "second", "usd": "0.10"}}
    async with gateway.database.read() as connection:
        secrets = await keys.webhook_secrets(connection, gateway.vault, KEY.id)
        admin = await setting_store.get(connection, ADMIN_KEY_SETTING)
    assert (secrets is not None) == ("webhook_secret" in left.rows["keys"][0])
    assert admin == hash_key("fg-admin-of-the-earlier-version")


async def check_money(left: Left, gateway: Gateway) -> None:
    """A job's lines sum to minus its cost; those of a version without a ledger cost nothing afterwards."""
    costs = {"completed": 500_000, "failed": 0, "running": 500_000} if left.has("ledger") else dict.fromkeys(left.ids, 0)
    async with gateway.database.read() as connection:
        sums = {name: sum(line.micros for line in await ledger.of_job(connection, job_id)) for name, job_id in left.ids.items()}
    assert sums == {name: -cost for name, cost in costs.items()}


async def made(left: Left, url: str) -> None:
    """The tables as that version left them, with its rows."""
    config = Config()
    config.set_main_option("script_location", str(folder()))
    config.attributes["url"] = url
    thread = threading.Thread(target=command.upgrade, args=(config, left.revision))  # Alembic starts a loop of its own
    thread.start()
    thread.join()
    async with sole_connection(url) as connection:
        await connection.run_sync(lambda plain: fill(plain, left.rows))


def fill(connection: Connection, rows: dict[str, list[dict[str, Any]]]) -> None:
    for name, held in rows.items():
        table = Table(name, MetaData(), autoload_with=connection, resolve_fks=False)
        binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
        if name == "revision":  # the migration has written its one row
            connection.execute(table.update().values(held[0]))
            continue
        for row in held:
            counted = {"number"} if "id" in row else set()  # the database numbers these itself
            values = {key: bytes.fromhex(value) if key in binary else value for key, value in row.items() if key not in counted}
            connection.execute(insert(table).values(values))

"""`filmgate doctor`."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.cli.clocks import against_database, against_vendors, clock
from app.cli.public_url import public_url
from app.engine.probe import probe
from app.settings import Settings
from app.store.clock import ahead
from app.store.database import Database
from tests.api.conftest import site_on
from tests.cli.conftest import Command
from tests.databases import fresh_database
from tests.gateways import CHANNEL, gateway_on
from tests.servers import refused_port, serve


def findings(filmgate: Command) -> tuple[int, dict[str, Any]]:
    result = filmgate("doctor", "--json")
    return result.exit_code, {one["about"]: one["ok"] for one in json.loads(result.stdout)}


def test_a_machine_in_order_is_exit_code_0(ready: Command) -> None:
    ready("channels", "add", "try", "--adapter", "sandbox")
    code, found = findings(ready)
    assert code == 0
    assert found == {
        "data folder": True,
        "disk space": True,
        "clock": True,
        "secret key": True,
        "public URL": True,
        "database": True,
        "storage": True,
        "clock of the database": True,
        "stored secrets": True,
        "channel try": True,
    }
    assert "reachable and up to date" in ready("doctor").stdout


def test_a_missing_database_is_found(filmgate: Command) -> None:
    code, found = findings(filmgate)
    assert (code, found["database"], found["secret key"]) == (1, False, True)


def test_a_database_server_that_is_away_is_found(filmgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMGATE_DATABASE_URL", f"postgresql://me@127.0.0.1:{refused_port()}/filmgate")
    code, found = findings(filmgate)
    assert (code, found["database"], found["secret key"]) == (1, False, False)


def test_a_secret_that_others_may_read_is_found(ready: Command, machine: Path) -> None:
    ready("keys", "list")
    (machine / "data" / "secret.key").chmod(0o644)
    assert findings(ready)[1]["secret key"] is False


def test_credentials_sealed_with_another_secret_are_found(ready: Command, machine: Path) -> None:
    ready("channels", "add", "boats", "--adapter", "ark", "--credential", "api_key=canary")
    (machine / "data" / "secret.key").write_text("another\n")
    code, found = findings(ready)
    assert (code, found["stored secrets"], found["channels"]) == (1, False, False)
    assert "channel boats" in ready("doctor").stdout


def test_a_webhook_secret_sealed_with_another_secret_is_found(ready: Command, machine: Path) -> None:
    ready("keys", "create", "boats")
    (machine / "data" / "secret.key").write_text("another\n")
    code, found = findings(ready)
    assert (code, found["stored secrets"]) == (1, False)
    assert "key boats" in ready("doctor").stdout


def test_an_older_database_is_found(ready: Command, machine: Path) -> None:
    with closing(sqlite3.connect(machine / "data" / "filmgate.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    code, found = findings(ready)
    assert (code, found["database"]) == (1, False)
    assert "filmgate db upgrade" in ready("doctor").stdout


def test_a_database_that_was_written_in_the_future_is_found(ready: Command, machine: Path) -> None:
    for path in (machine / "data").glob("filmgate.db*"):
        os.utime(path, (4_000_000_000, 4_000_000_000))
    code, found = findings(ready)
    assert (code, found["clock of the database"]) == (1, False)


def test_a_full_disk_is_found(ready: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage("/")._replace(free=1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    code, found = findings(ready)
    assert (code, found["disk space"], found["storage"]) == (1, False, True)


def test_a_public_url_at_which_nobody_answers_is_found(ready: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMGATE_PUBLIC_URL", f"http://127.0.0.1:{refused_port()}")
    code, found = findings(ready)
    assert (code, found["public URL"]) == (1, False)
    assert "is a gateway running" in ready("doctor").stdout


@pytest.mark.anyio
async def test_a_public_url_that_leads_to_this_gateway_is_told_from_one_that_leads_to_another(tmp_path: Path) -> None:
    async with site_on(tmp_path / "ours") as ours, serve(ours.app) as url:
        settings = ours.gateway.settings.model_copy(update={"public_url": url})
        right = await public_url(settings)
        wrong = [
            await public_url(settings.model_copy(update=change))
            for change in ({"secret_key": SecretStr("another")}, {"data_dir": tmp_path / "another"})
        ]
        left = [path for path in (tmp_path / "ours" / "files").rglob("*") if path.is_file()]
    assert (right.ok, [one.ok for one in wrong], left) == (True, [False, False], [])
    assert "leads to this gateway" in right.detail
    assert "HTTP 404" in wrong[0].detail


@pytest.mark.anyio
async def test_a_database_server_tells_the_time(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as url:
        settings = Settings(database_url=url, data_dir=tmp_path, secret_key="tests", _env_file=None)
        assert (await against_database(settings, datetime.now(UTC))).ok
        database = Database.open(url)
        late = await ahead(database, lambda: datetime.now(UTC) - timedelta(minutes=5))
        await database.close()
    assert abs(late.total_seconds() - 300) < 60


@pytest.mark.parametrize(("said", "ok"), [({"a": 2.0}, True), ({"a": 400.0, "b": -3.0}, True), ({"a": 400.0, "b": -90.0}, False)])
def test_a_clock_with_which_no_vendor_agrees_is_found(said: dict[str, float], ok: bool) -> None:
    (finding,) = against_vendors(said)
    assert finding.ok is ok
    assert ok or "90 seconds behind this machine" in finding.detail


def test_vendors_that_say_no_time_say_nothing_about_ours() -> None:
    assert against_vendors({}) == []


def test_channels_can_be_left_alone(ready: Command) -> None:
    address = f"http://127.0.0.1:{refused_port()}"
    ready("channels", "add", "dead", "--adapter", "openai", "--credential", "api_key=x", "--base-url", address)
    assert ready("doctor", "--no-channels").exit_code == 0
    assert ready("doctor", "--channels").exit_code == 1


@pytest.mark.parametrize("url", ["gate.example.com", "ftp://gate.example.com", "https://gate.example.com/v1"])
def test_a_public_url_that_cannot_work_is_found(ready: Command, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FILMGATE_PUBLIC_URL", url)
    code, found = findings(ready)
    assert (code, found["public URL"]) == (1, False)


def test_a_folder_that_cannot_be_written_is_found(ready: Command, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "file").write_text("in the way")
    monkeypatch.setenv("FILMGATE_DATABASE_URL", f"sqlite:///{machine}/data/filmgate.db")
    monkeypatch.setenv("FILMGATE_DATA_DIR", str(machine / "file"))
    code, found = findings(ready)
    assert (code, found["data folder"], found["database"]) == (1, False, True)


def test_a_storage_that_does_not_work_is_found(ready: Command, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "file").write_text("in the way")
    for url in (f"file://{machine}/file", "s3://", "ftp://films"):
        monkeypatch.setenv("FILMGATE_STORAGE_URL", url)
        code, found = findings(ready)
        assert (code, found["storage"], found["data folder"]) == (1, False, True)


def test_a_channel_that_does_not_work_is_found_and_a_disabled_one_is_not_asked(ready: Command) -> None:
    address = f"http://127.0.0.1:{refused_port()}"
    for name in ("dead", "resting"):
        ready("channels", "add", name, "--adapter", "openai", "--credential", "api_key=x", "--base-url", address)
    ready("channels", "disable", "resting")
    code, found = findings(ready)
    assert (code, found["channel dead"], "channel resting" in found) == (1, False, False)


@pytest.mark.parametrize(("year", "sane"), [(1970, False), (2026, True), (2027, True), (2100, False)])
def test_a_clock_that_cannot_be_right_is_found(year: int, sane: bool) -> None:
    assert clock(datetime(year, 6, 1, tzinfo=UTC)).ok is sane


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "date", "known"), [(200, "now", True), (401, "now", True), (200, "yesterday", False)])
async def test_a_vendor_tells_its_time_with_any_answer(tmp_path: Path, status: int, date: str, known: bool) -> None:
    said = format_datetime(datetime.now(UTC) + timedelta(minutes=7), usegmt=True) if known else date
    script = Scripted(status, said)
    async with gateway_on(tmp_path, script) as (gateway, _):
        verdict = await probe(gateway.submitter.desk.vendors, CHANNEL)
    assert verdict.ok is (status == 200)
    assert (verdict.ahead is not None and abs(verdict.ahead - 420) < 60) is known


@dataclass(frozen=True)
class Scripted:
    """A vendor with a clock of its own."""

    status: int
    date: str

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, json={"data": []}, headers={"date": self.date})

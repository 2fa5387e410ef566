"""`filmgate doctor`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.cli.doctor import clock
from tests.cli.conftest import Command
from tests.servers import refused_port


def findings(filmgate: Command) -> tuple[int, dict[str, Any]]:
    result = filmgate("doctor", "--json")
    return result.exit_code, {one["about"]: one["ok"] for one in json.loads(result.stdout)}


def test_a_machine_in_order_is_exit_code_0(ready: Command) -> None:
    ready("channels", "add", "try", "--adapter", "sandbox")
    code, found = findings(ready)
    assert code == 0
    assert found == {
        "data folder": True,
        "clock": True,
        "secret key": True,
        "public URL": True,
        "database": True,
        "storage": True,
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
    assert (code, found["channels"]) == (1, False)


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

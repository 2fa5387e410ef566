"""`filmgate backup` and `filmgate restore`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command, printed


def test_a_backup_goes_into_a_folder_and_comes_back_elsewhere(
    ready: Command, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready("keys", "create", "boats")
    ready("channels", "add", "ark", "--adapter", "ark", "--credential", "api_key=canary")
    made = ready("backup", "backups/", "--files")
    assert made.exit_code == 0, made.output
    assert "the secret key that opens it" in made.stdout
    (path,) = (machine / "backups").iterdir()
    monkeypatch.setenv("FILMGATE_DATA_DIR", str(machine / "elsewhere"))
    done = ready("restore", str(path))
    assert done.exit_code == 0, done.output
    assert [key["name"] for key in printed(ready("keys", "list", "--json"))] == ["boats"]
    assert [channel["name"] for channel in printed(ready("channels", "list", "--json"))] == ["ark"]


def test_a_backup_under_a_secret_of_the_settings_says_what_is_not_in_it(ready: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMGATE_SECRET_KEY", "canary-secret-of-the-settings")
    made = ready("backup", "one.tar")
    assert made.exit_code == 0
    assert "FILMGATE_SECRET_KEY is not in it" in made.stdout
    assert b"canary-secret-of-the-settings" not in Path("one.tar").read_bytes()


def test_a_restore_over_what_is_there_wants_a_word(ready: Command) -> None:
    ready("backup", "one.tar")
    refused = ready("restore", "one.tar")
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert ready("restore", "one.tar", "--force").exit_code == 0


def test_without_a_database_there_is_nothing_to_back_up(filmgate: Command, machine: Path) -> None:
    refused = filmgate("backup", "one.tar")
    assert (refused.exit_code, "There is no database" in refused.stderr) == (1, True)
    assert list(machine.iterdir()) == []


def test_credentials_that_do_not_open_any_more_are_an_error(ready: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    ready("channels", "add", "ark", "--adapter", "ark", "--credential", "api_key=canary")
    ready("backup", "one.tar")
    monkeypatch.setenv("FILMGATE_SECRET_KEY", "another")
    done = ready("restore", "one.tar", "--force")
    assert (done.exit_code, "channel ark" in done.stderr) == (1, True)

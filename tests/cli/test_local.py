"""What every command does where it is not at home, and the ones that only look."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command, printed


@pytest.mark.parametrize(
    "words", [("keys", "list"), ("channels", "list"), ("models", "list"), ("jobs", "list"), ("jobs", "show", "x"), ("explain",)]
)
def test_without_a_database_commands_say_so_and_make_nothing(filmgate: Command, machine: Path, words: tuple[str, ...]) -> None:
    result = filmgate(*words)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: There is no database ")
    assert list(machine.iterdir()) == []


def test_a_database_without_tables_is_said_so(filmgate: Command, machine: Path) -> None:
    (machine / "data").mkdir()
    (machine / "data" / "filmgate.db").touch()
    assert "run `filmgate db upgrade`" in filmgate("keys", "list").stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FILMGATE_MAX_BODY_MB", "0", "max_body_mb: "),
        ("FILMGATE_DATABASE_URL", "mysql://db.example.com/x", "The database must be SQLite or PostgreSQL"),
        ("FILMGATE_DATABASE_URL", "not a url", "Could not parse"),
    ],
)
def test_settings_that_cannot_be_are_one_line(
    filmgate: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    result = filmgate("keys", "list")
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("url", ["s3://id:secret@films", "ftp://films", "file:///"])
def test_a_storage_that_cannot_be_used_is_one_line(ready: Command, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """As in `test_serve.py`, for commands of which each starts the same gateway."""
    monkeypatch.setenv("FILMGATE_STORAGE_URL", url)
    result = ready("keys", "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(r"error: STORAGE_URL must .+\n", result.stderr)
    assert "secret" not in result.stderr


def test_another_secret_than_the_one_that_sealed_is_one_line(ready: Command, machine: Path) -> None:
    assert ready("channels", "add", "boats", "--adapter", "ark", "--credential", "api_key=canary").exit_code == 0
    (machine / "data" / "secret.key").write_text("another\n")
    result = ready("channels", "list")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: A stored credential cannot be opened with the configured secret key.\n",
    )


def test_upgrading_twice_is_fine(filmgate: Command) -> None:
    assert filmgate("db", "upgrade").exit_code == filmgate("db", "upgrade").exit_code == 0


def test_no_words_show_help(filmgate: Command) -> None:
    assert "serve" in filmgate().output
    assert "create" in filmgate("keys").output


def test_jobs_of_an_empty_database(ready: Command) -> None:
    assert printed(ready("jobs", "list", "--json")) == []
    assert "There are no such jobs." in ready("jobs", "list", "--status", "failed").stdout
    assert ready("jobs", "show", "task_none").stderr == "error: There is no job 'task_none'.\n"


def test_explain_shows_the_call_of_the_sandbox(ready: Command, machine: Path) -> None:
    ready("channels", "add", "try", "--adapter", "sandbox")
    found = printed(ready("explain", "--model", "sandbox-video", "--prompt", "a boat", "-f", "seconds=99"))
    assert found["call"]["url"] == "sandbox://local/v1/jobs"
    assert found["fitted"]["duration"] == 30
    assert found["price"]["unpriced"] is False
    (machine / "body.json").write_text('{"model": "sandbox-image", "prompt": "a boat"}')
    assert printed(ready("explain", "/v1/images/generations", "--body", "@body.json"))["request"]["op"] == "image"
    assert printed(ready("explain", "--body", "-", text='{"model": "sandbox-video", "prompt": "x"}'))["request"]["prompt"] == "x"


def test_explain_says_why_a_request_would_be_refused(ready: Command) -> None:
    assert ready("explain", "--prompt", "x").stderr == "error: model: `model` is missing.\n"
    assert ready("explain", "--body", "[1]").exit_code == 2

"""The command line on a machine of its own: an empty folder and no settings but the folder."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.commands import app
from tests.databases import migrated_in

Command = Callable[..., Result]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands run; their data folder is `data` in it."""
    for name in os.environ:
        if name.startswith(("FILMGATE_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def filmgate(machine: Path) -> Command:
    """Runs one command."""
    runner = CliRunner()

    def command(*words: str, text: str | None = None) -> Result:
        result = runner.invoke(app, list(words), input=text)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return command


@pytest.fixture
def ready(filmgate: Command, machine: Path) -> Command:
    """Runs commands on a migrated database."""
    migrated_in(machine / "data")
    return filmgate


def printed(result: Result) -> Any:
    """The JSON that a command printed."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)

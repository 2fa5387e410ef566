"""The list of commands, which is shown without loading any, says what each says of itself."""

import inspect

import pytest
import typer.main
from typer.core import TyperGroup

from app.cli.asked import Asked, plainly_asked
from app.cli.commands import ENTRIES, app, loaded


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_says_what_a_command_says_of_itself(name: str) -> None:
    command = loaded(name)
    assert inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ") == ENTRIES[name].help


def test_the_list_is_the_command_line() -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    assert list(command.commands) == list(ENTRIES)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("serve", Asked()),
        ("serve --port 0", Asked(port=0)),
        ("serve --host=0.0.0.0 --workers 2", Asked("0.0.0.0", 8000, 2)),
        ("serve --host :: --port=65535 --workers=256", Asked("::", 65535, 256)),
    ],
)
def test_a_plain_serve_is_understood_as_typer_does(words: str, asked: Asked) -> None:
    assert plainly_asked(words.split()) == asked
    context = loaded("serve").make_context("serve", words.split()[1:])
    assert Asked(**context.params) == asked


@pytest.mark.parametrize(
    "words",
    [
        *(
            "",
            "doctor",
            "serve --help",
            "serve 8000",
            "serve --hosts x",
            "serve --host",
            "serve --host --port 1",
            "serve --workers 0",
        ),
        *("serve --port", "serve --port x", "serve --port 65536", "serve --port -1", "serve --port ²", "serve --port 123456"),
    ],
)
def test_whatever_else_is_left_to_typer(words: str) -> None:
    assert plainly_asked(words.split()) is None

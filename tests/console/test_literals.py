"""Whatever somebody writes, it stays inside its literal and comes out of it as it was."""

import ast
import json
import subprocess

import pytest

from app.console.literals import json_text, python_text, shell_word

TEXTS = (
    "a paper boat",
    'it\'s a "boat" \\ back\\slash',
    "$(reboot) `reboot` ${HOME} !! ; & | > x",
    "two\nlines\tand a tab\r",
    "纸船驶过水洼 🛶 e\u0301 👩\u200d🚀",
    "\x1b[201~\nreboot\n \x03 \x7f \x00"[:-1],
    "turned \u202e round, \u2028 a line of its own, \ufeff a mark, \U000e0041 a tag",
    "'; DROP TABLE jobs; --",
    "-rf",
    "",
    "'''\"\"\"\\",
    "<script>alert(1)</script>",
)
HIDDEN = "\x1b\x03\x7f\u202e\u2028\ufeff\U000e0041"


@pytest.mark.parametrize("text", TEXTS)
def test_a_shell_reads_one_word_with_the_same_text(text: str) -> None:
    told = subprocess.run(["bash", "-c", f"printf '%s|' {shell_word(text)}"], capture_output=True, check=True)
    assert told.stdout.decode() == f"{text}|"


@pytest.mark.parametrize("text", TEXTS)
def test_python_reads_the_same_text(text: str) -> None:
    assert ast.literal_eval(python_text(text)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_json_and_javascript_read_the_same_text(text: str) -> None:
    assert json.loads(json_text(text)) == text


@pytest.mark.parametrize("write", [shell_word, python_text, json_text])
def test_nothing_invisible_reaches_a_terminal(write: object) -> None:
    assert callable(write)
    for letter in HIDDEN:
        assert letter not in write(f"before {letter} after")


@pytest.mark.parametrize("write", [shell_word, python_text, json_text])
def test_words_of_people_stay_readable(write: object) -> None:
    assert callable(write)
    assert "纸船 🛶" in write("纸船 🛶")


def test_a_plain_word_needs_no_quotes() -> None:
    assert shell_word("https://gate.example.com/v1/videos") == "https://gate.example.com/v1/videos"

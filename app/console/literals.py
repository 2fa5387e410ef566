"""Text and JSON as literals of the languages that people copy from us: a shell, Python, JavaScript.

What was written by others may stand in them, so nothing in a value can end its literal, and nothing invisible goes to a terminal
or an editor as it is: control, formatting and private characters are always escaped.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.domain.json import Json

_WIDTH = 100  # characters of a line, up to which a list stays in one
_PLAIN_IN_SHELL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+:,./-_")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode's categories of what nobody sees
_JOINERS = frozenset("\u200c\u200d")  # parts of ordinary words and emoji
_SHORT = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


@dataclass(frozen=True, slots=True)
class FilePart:
    """Stands in a body where whoever sends it puts a file of theirs."""

    name: str
    mime: str


Value: TypeAlias = "Json | FilePart | Mapping[str, Value] | Sequence[Value]"


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes values: how deep it indents, its three words, a text, a member's name, and a file."""

    step: str
    true: str
    false: str
    nothing: str
    text: Callable[[str], str]
    name: Callable[[str], str]
    file: Callable[[FilePart], str]


def shell_word(text: str) -> str:
    """One word of a POSIX shell; `$'…'` (bash, zsh, ksh, POSIX 2024) where the text has something invisible."""
    if text and all(letter in _PLAIN_IN_SHELL for letter in text):
        return text
    if any(_hidden(letter) and letter != "\n" for letter in text):
        escaped = "".join(_SHELL.get(letter) or (_shell_bytes(letter) if _hidden(letter) else letter) for letter in text)
        return f"$'{escaped}'"
    return "'" + text.replace("'", "'\\''") + "'"


def json_text(text: str) -> str:
    """A JSON string, which is one of JavaScript too."""
    return f'"{"".join(map(_json_letter, text))}"'


def python_text(text: str) -> str:
    """A Python string."""
    return f'"{"".join(map(_python_letter, text))}"'


def written(value: Value, language: Language, depth: int = 0) -> str:
    """A value as the language writes it, over several lines where one would be too long."""
    match value:
        case None:
            return language.nothing
        case bool():
            return language.true if value else language.false
        case str():
            return language.text(value)
        case FilePart():
            return language.file(value)
        case int() | float():
            return repr(value)
        case Mapping():
            items = [f"{language.name(name)}: {written(item, language, depth + 1)}" for name, item in value.items()]
            return _enclosed(items, "{}", language.step, depth)
        case _:
            return _enclosed([written(item, language, depth + 1) for item in value], "[]", language.step, depth)


def _enclosed(items: Sequence[str], brackets: str, step: str, depth: int) -> str:
    flat = ", ".join(items)
    if len(flat) + len(step) * depth < _WIDTH and "\n" not in flat and (brackets == "[]" or len(items) < 3):
        return f"{brackets[0]}{flat}{brackets[1]}"
    inner = ",\n".join(step * (depth + 1) + item for item in items)
    return f"{brackets[0]}\n{inner}\n{step * depth}{brackets[1]}"


def _hidden(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN and letter not in _JOINERS


_SHELL = {"'": r"\'", "\\": r"\\", **_SHORT}


def _shell_bytes(letter: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "replace"))


def _json_letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if not _hidden(letter):
        return letter
    return _SHORT.get(letter) or "".join(f"\\u{unit:04x}" for unit in _utf16(letter))


def _python_letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if not _hidden(letter):
        return letter
    return _SHORT.get(letter) or (f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}")


def _utf16(letter: str) -> Sequence[int]:
    raw = letter.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[place : place + 2]) for place in range(0, len(raw), 2)]

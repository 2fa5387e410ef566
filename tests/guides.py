"""The pages for people in docs/ as a test reads them: marked blocks, tables whose rows are claims, commands, links."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
GUIDES = (*("quick-start", "from-sora", "from-new-api", "from-litellm", "vendors", "webhooks", "channels", "money"),)
_BLOCK = re.compile(r"^ *```([^\n`]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, what stands after that ("request /v1/videos"), its text, and the heading above it."""

    language: str
    mark: str
    text: str
    heading: str

    def json(self) -> Any:
        """The block as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table whose head is `You write to <path>` or the like: the path, and the code of each cell."""

    path: str
    cells: Sequence[str]

    @property
    def left(self) -> str:
        """What the row is about."""
        return self.cells[0]

    @property
    def right(self) -> str:
        """What the row says of it; empty for a row that says it in words alone."""
        return self.cells[1]


def page(name: str) -> str:
    """A guide's text."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its blocks."""
    return _BLOCK.sub("", text)


def spans(text: str) -> list[str]:
    """What stands between backticks in a line."""
    return _SPAN.findall(prose(text))


def blocks(text: str) -> list[Block]:
    """Every block of a page."""
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        language, _, mark = match[1].strip().partition(" ")
        above = _HEADING.findall(prose(text[: match.start()]))
        found.append(Block(language, mark, match[2], above[-1] if above else ""))
    return found


def rows(text: str, head: str) -> list[Row]:
    """The rows of every table whose first head cell begins with these words and names a path in backticks."""
    found: list[Row] = []
    path: str | None = None
    for line in prose(text).splitlines():
        if not line.startswith("|"):
            path = None
            continue
        cells = cells_of(line)
        if path is not None and not set(line) <= set("|- :"):
            found.append(Row(path, [_code(cell) for cell in cells]))
        elif cells[0].startswith(head):
            path = _code(cells[0])
    return found


def cells_of(line: str) -> list[str]:
    """The cells of a table's line."""
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def commands(found: Sequence[Block]) -> list[list[str]]:
    """Each `filmgate …` of these blocks as a list of words, without the name."""
    lines = [line for block in found if block.language == "sh" for line in block.text.replace("\\\n", " ").splitlines()]
    return _words(re.sub(r"\s+# .*$", "", line) for line in lines)


def mentioned_commands(text: str) -> list[list[str]]:
    """Each `filmgate …` between backticks; it need not be whole."""
    return _words(spans(text))


def links(text: str) -> Iterator[tuple[str, str]]:
    """File and anchor of each link that stays inside the repository."""
    for link in _LINK.findall(prose(text)):
        if "://" not in link:
            file, _, anchor = link.partition("#")
            yield file, anchor


def anchors(text: str) -> set[str]:
    """What a link may name after `#`: each heading as the usual renderers spell it."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(prose(text))}


def fields(cell: str) -> dict[str, Any]:
    """The members that a cell spells, as in `"seconds": "8"`."""
    found: dict[str, Any] = json.loads(f"{{{cell}}}")
    return found


def differences(wanted: Any, found: Any, place: str = "") -> list[str]:
    """Where `found` is not what `wanted` says; members that are not wanted may be there."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return [line for name, value in wanted.items() for line in differences(value, found.get(name), f"{place}.{name}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [line for at, value in enumerate(wanted) for line in differences(value, found[at], f"{place}[{at}]")]
    return (
        []
        if wanted == found and isinstance(wanted, bool) == isinstance(found, bool)
        else [f"{place}: {found!r} and not {wanted!r}"]
    )


def _code(cell: str) -> str:
    return next(iter(_SPAN.findall(cell)), "")


def _words(lines: Iterable[str]) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in lines if line.startswith("filmgate ")]

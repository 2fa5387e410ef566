"""Rebuilds objects from the part names of multipart and urlencoded bodies (normalisation.md §5, "Multipart")."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from app.domain.errors import InvalidRequest
from app.domain.json import Json

DEEPEST = 8  # brackets in one name
MOST_ELEMENTS = 1000  # of a list whose indexes are written
_SHOWN = 100  # characters of a part name in an error
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")

Step: TypeAlias = str | int | None  # a member, an index, or "one more element"


@dataclass(slots=True)
class _Node:
    """What the parts have said about one place so far; `items` are its plain values and `[]` elements as they came."""

    members: dict[str, "_Node"] = field(default_factory=dict)
    indexed: dict[int, "_Node"] = field(default_factory=dict)
    items: list["str | _Node"] = field(default_factory=list)
    is_list: bool = False


def nested(parts: Iterable[tuple[str, str]]) -> dict[str, Json]:
    """The body that the parts spell; the place of a file is held by an `UploadRef` as the part's value.

    `a[b]` is a member, `a[0]` an element, `a[]` one more element; a name that repeats becomes a list. In `a[][b]` a new
    element starts when the current one already has a `b`. Raises InvalidRequest naming the part when names contradict each
    other, nest deeper than DEEPEST or count beyond MOST_ELEMENTS.
    """
    root = _Node()
    for name, value in parts:
        _add(root, _path(name), value)
    return {name: _plain(node, name) for name, node in root.members.items()}


def _path(name: str) -> Sequence[Step]:
    parts = _NAME.fullmatch(name)
    if parts is None:
        return [name]
    steps = parts[2][1:-1].split("][")
    if len(steps) > DEEPEST:
        raise InvalidRequest(f"A part name nests deeper than {DEEPEST} brackets.", code="invalid_value", param=name[:_SHOWN])
    return [parts[1], *(_step(step, name) for step in steps)]


def _step(step: str, name: str) -> Step:
    if not step:
        return None
    if not (step.isascii() and step.isdigit()):
        return step
    if len(step) > 9 or int(step) >= MOST_ELEMENTS:
        raise InvalidRequest(f"A list index must be below {MOST_ELEMENTS}.", code="invalid_value", param=name[:_SHOWN])
    return int(step)


def _add(node: _Node, path: Sequence[Step], value: str) -> None:
    for depth, step in enumerate(path, start=1):
        if isinstance(step, str):
            node = node.members.setdefault(step, _Node())
        elif isinstance(step, int):
            node = node.indexed.setdefault(step, _Node())
        else:
            node.is_list = True
            if depth < len(path):
                node = _current_element(node, path[depth:])
    node.items.append(value)


def _current_element(node: _Node, rest: Sequence[Step]) -> _Node:
    """The element that `[]` means before further steps: the last one, or a new one if that has such a value already."""
    last = node.items[-1] if node.items else None
    if isinstance(last, _Node) and not _has(last, rest):
        return last
    element = _Node()
    node.items.append(element)
    return element


def _has(node: _Node, path: Sequence[Step]) -> bool:
    for step in path:
        if step is None:
            return False  # one more always fits in
        found = node.members.get(step) if isinstance(step, str) else node.indexed.get(step)
        if found is None:
            return False
        node = found
    return bool(node.items)


def _plain(node: _Node, name: str) -> Json:
    if node.members:
        if node.indexed or node.items:
            raise InvalidRequest(
                "One name is used both for an object and for a value or list.", code="conflicting_parameters", param=name[:_SHOWN]
            )
        return {key: _plain(member, name) for key, member in node.members.items()}
    items = [item if isinstance(item, str) else _plain(item, name) for item in node.items]
    if node.indexed:
        return [*(_plain(node.indexed[index], name) for index in sorted(node.indexed)), *items]
    return items if node.is_list or len(items) > 1 else items[0]

"""The examples of the reference: for each operation what is asked and what comes back, from `examples.json`.

A test sends every one of them to the application over the sandbox; its ids stand for things that the test makes
(`tests/example_world.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app.domain.json import Json

JSON = "application/json"
_FILE = Path(__file__).with_name("examples.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request and its answer; `answer` is JSON, the text of events, or None where it is a file."""

    name: str
    status: int
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    answer: Json = None
    type: str = JSON


def read_examples() -> Mapping[str, Sequence[Example]]:
    """The examples of each operation, by its id."""
    document: dict[str, list[dict[str, Any]]] = orjson.loads(_FILE.read_bytes())
    return {operation: [Example(**example) for example in found] for operation, found in document.items()}


def put_into(operation: dict[str, Any], examples: Sequence[Example]) -> None:
    """Adds examples to an operation of an OpenAPI document: to its parameters, its body and its answers."""
    for example in examples:
        for parameter in operation.get("parameters", ()):
            given = {"path": example.path, "query": example.query}.get(parameter["in"], {})
            if parameter["name"] in given:
                _add(parameter, example.name, given[parameter["name"]])
        if example.body is not None:
            _add(operation["requestBody"]["content"][JSON], example.name, example.body)
        answer = operation["responses"].setdefault(str(example.status), {"description": "The answer."})
        content = answer.setdefault("content", {}).setdefault(example.type, {})
        _add(content, example.name, example.answer)


def _add(place: dict[str, Any], name: str, value: Json) -> None:
    place.setdefault("examples", {})[name] = {"summary": "A file."} if value is None else {"value": value}

"""The example lines of the normalisation contract, as bodies ready to be normalised."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain.canonical import to_json
from app.domain.normalise import UploadRef, normalise
from app.domain.normalise.forms import nested
from app.domain.requests import Request, codes

EXAMPLES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "normalisation_examples.jsonl").read_text(encoding="utf-8").splitlines()
]


def name_of(example: Mapping[str, Any]) -> str:
    """The id of an example, for test names."""
    return str(example["id"])


def body_of(example: Mapping[str, Any]) -> dict[str, Any]:
    """The example's body as the API hands it over."""
    if example.get("content_type") != "multipart":
        return dict(example["input"])
    parts: list[tuple[str, str]] = []
    for name, value in example["input"].items():
        parts += [(name, item) for item in ([value] if isinstance(value, str) else value)]
    for name, files in example["files"].items():
        parts += [(name, UploadRef.of(name, index, filename)) for index, filename in enumerate(files)]
    return nested(parts)


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A JSON body as an SDK writes it into multipart parts: everything is text, brackets hold the structure."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flattened(item, f"{name}[{key}]" if name else key)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from flattened(item, f"{name}[]")
    elif value is not None:
        yield name, value if isinstance(value, str) else json.dumps(value)


def seen(route: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical object with its warnings, as the examples expect it."""
    request, notices = normalise(route, body)
    return {**to_json(request), "warnings": list(codes(notices))}


def accepted() -> list[tuple[str, str, Request]]:
    """Id, route and request of every example that is no refusal."""
    return [
        (name_of(example), example["route"], normalise(example["route"], body_of(example))[0])
        for example in EXAMPLES
        if "error" not in example["expect"]
    ]

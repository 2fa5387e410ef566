"""The examples of an OpenAPI document as requests that can be copied, and the answers to them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

Told: TypeAlias = Mapping[str, Any]
_VARIABLES = {"key": "$FILMGATE_KEY", "admin key": "$FILMGATE_ADMIN_KEY"}
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Sample:
    """One example: the request as a command, the answer as text; None where the answer is a file of this type."""

    name: str
    method: str
    address: str
    body: str | None
    key: str | None
    status: int
    type: str
    answer: str | None

    def command(self, base: str) -> str:
        """The request for curl, at the gateway at this address."""
        plain = self.method == "GET" or (self.method == "POST" and self.body is not None)
        parts = [f'curl "{base}{self.address}"' if plain else f'curl -X {self.method} "{base}{self.address}"']
        if self.key is not None:
            parts.append(f'-H "Authorization: Bearer {_VARIABLES[self.key]}"')
        if self.body is not None:
            parts += ['-H "Content-Type: application/json"', "-d " + _quoted(self.body)]
        if self.answer is None:
            parts.append("-o result")
        return " \\\n  ".join(parts)


def samples_of(method: str, path: str, told: Told) -> Iterator[Sample]:
    """Every example of an operation."""
    key = next((name for need in told.get("security", ()) for name in need), None)
    bodies = told.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("examples", {})
    for name, status, kind, answer in _answers(told):
        body = json.dumps(bodies[name]["value"], ensure_ascii=False, indent=2) if name in bodies else None
        yield Sample(name, method, _address(path, told, name), body, key, status, kind, answer)


def _answers(told: Told) -> Iterator[tuple[str, int, str, str | None]]:
    for status, response in told["responses"].items():
        for kind, content in response.get("content", {}).items():
            for name, example in content.get("examples", {}).items():
                value = example.get("value")
                text = value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
                yield name, int(status), kind, text


def _address(path: str, told: Told, name: str) -> str:
    query: list[tuple[str, str]] = []
    for parameter in told.get("parameters", ()):
        given = parameter.get("examples", {}).get(name)
        if given is None:
            continue
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(given["value"]), safe=""))
        else:
            query.append((parameter["name"], str(given["value"])))
    return f"{path}?{urlencode(query)}" if query else path


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

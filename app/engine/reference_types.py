"""What a JSON schema says about a value, in a few words."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
Schemas: TypeAlias = Mapping[str, Schema]
_MOST_WORDS = 12  # of an enumeration


def resolved(schema: Schema, schemas: Schemas) -> Schema:
    """The schema that is meant where this one only names it, or offers it beside null."""
    for offered in schema.get("anyOf", ()):
        if "$ref" in offered:
            return resolved(offered, schemas)
    return resolved(schemas[_last(schema["$ref"])], schemas) if "$ref" in schema else schema


def kind_of(schema: Schema) -> str:
    """The type of a value with its bounds: `integer 1 to 10`, `string or array of string`, `"a" or "b"`."""
    if "$ref" in schema:
        return _last(schema["$ref"])
    if "enum" in schema:
        words = [f'"{word}"' if isinstance(word, str) else str(word).lower() for word in schema["enum"]]
        return " or ".join(words[:_MOST_WORDS])
    if "const" in schema:
        return f'"{schema["const"]}"' if isinstance(schema["const"], str) else str(schema["const"]).lower()
    offered = schema.get("oneOf") or schema.get("anyOf")
    if offered:
        return " or ".join(dict.fromkeys(kind_of(item) for item in offered))
    if isinstance(schema.get("type"), list):
        return " or ".join(kind_of({**schema, "type": name}) for name in schema["type"])
    return _plain(schema)


def _plain(schema: Schema) -> str:
    name = schema.get("type", "any")
    if name == "array":
        inner = kind_of(schema.get("items", {}))
        return "array" if inner == "any" else f"array of {inner}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and name != "string":
        return f"{name} {_number(low)} to {_number(high)}"
    return str(name)


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1_000_000 else str(int(value))


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]

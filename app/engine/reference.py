"""The API reference as values, read from the application's own OpenAPI document: for the pages and for `docs/api.md`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from app.engine.reference_samples import Sample, samples_of
from app.engine.reference_types import Schemas, kind_of, resolved

Document: TypeAlias = Mapping[str, Any]  # an OpenAPI document is the framework's JSON
_WORTH_A_LINK = 6  # fields that another operation describes already


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body or an answer; `place` is path, query, header, body or answer."""

    name: str
    place: str
    kind: str
    meaning: str
    required: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What may come back; `schema` names an object that the reference describes."""

    status: str
    meaning: str
    types: tuple[str, ...]
    schema: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint. `like` is another one whose body fields it takes too: then `body` holds only what differs."""

    id: str
    method: str
    path: str
    title: str
    meaning: str
    key: str | None
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    forms: bool
    like: "Operation | None"
    answers: tuple[Answer, ...]
    samples: tuple[Sample, ...]

    def optional(self, field: Field) -> bool:
        """Whether this body may lack a field that the one which it is like must have."""
        return self.like is not None and any(other.name == field.name and other.required for other in self.like.body)

    def words(self) -> str:
        """Everything by which it may be looked for, in small letters."""
        told = [self.method, self.path, self.title, self.meaning]
        fields = [*self.parameters, *(self.like.body if self.like else ()), *self.body]
        return " ".join([*told, *dict.fromkeys(field.name for field in fields)]).lower()


@dataclass(frozen=True, slots=True)
class Section:
    """The operations of one tag, with the objects that their answers hold."""

    tag: str
    operations: tuple[Operation, ...]
    objects: Mapping[str, tuple[Field, ...]]


def reference_of(document: Document) -> tuple[Section, ...]:
    """Every section, in the order of the document."""
    schemas: Schemas = document["components"]["schemas"]
    by_tag: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in methods:
            operation = _operation(method.upper(), path, methods[method], schemas)
            by_tag.setdefault(methods[method]["tags"][0], []).append(operation)
    return tuple(Section(tag, _without_repeats(found), _objects(found, schemas)) for tag, found in by_tag.items())


def _operation(method: str, path: str, told: Document, schemas: Schemas) -> Operation:
    content = told.get("requestBody", {}).get("content", {})
    return Operation(
        id=told["operationId"],
        method=method,
        path=path,
        title=_title(told["summary"]),
        meaning=told.get("description", ""),
        key=next((name for need in told.get("security", ()) for name in need), None),
        parameters=tuple(_parameter(item) for item in told.get("parameters", ())),
        body=tuple(_fields("body", content.get("application/json", {}).get("schema", {}), schemas)),
        forms="multipart/form-data" in content,
        like=None,
        answers=tuple(_answers(told["responses"])),
        samples=tuple(samples_of(method, path, told)),
    )


def _without_repeats(operations: list[Operation]) -> tuple[Operation, ...]:
    """The operations, each with its own fields only where one with a shorter path describes the others."""
    found: dict[str, Operation] = {}
    for operation in sorted(operations, key=lambda operation: operation.path.count("/")):
        like = max(found.values(), key=lambda known: len(_shared(known, operation)), default=None)
        if like is not None and len(_shared(like, operation)) >= _WORTH_A_LINK:
            own = tuple(field for field in operation.body if field not in like.body)
            operation = replace(operation, like=like, body=own)
        found[operation.id] = operation
    return tuple(found[operation.id] for operation in operations)


def _title(summary: str) -> str:
    return summary[:1] + summary[1:].lower()


def _shared(known: Operation, operation: Operation) -> set[Field]:
    """What both bodies have in common; nothing where the known one is not whole, or has more than the other takes."""
    names = {field.name for field in operation.body}
    return set() if known.like or not {field.name for field in known.body} <= names else set(known.body) & set(operation.body)


def _parameter(told: Document) -> Field:
    schema = told["schema"]
    meaning = told.get("description") or schema.get("description", "")
    return Field(told["name"], told["in"], kind_of(schema), meaning, told.get("required", False))


def _fields(place: str, schema: Document, schemas: Schemas) -> Iterator[Field]:
    found = resolved(schema, schemas)
    required = found.get("required", ())
    for name, field in found.get("properties", {}).items():
        yield Field(name, place, kind_of(field), field.get("description", ""), name in required)


def _answers(responses: Document) -> Iterator[Answer]:
    """The answers in the order of their status; refusals that look alike are one."""
    refusals: dict[str | None, list[str]] = {}
    for status, told in sorted(responses.items()):
        content = told.get("content", {})
        schema = _named(content.get("application/json", {}).get("schema", {}))
        if status[0] in "45" and schema is not None and schema.endswith("Error"):
            refusals.setdefault(schema, []).append(status)
        else:
            yield Answer(status, told.get("description", ""), tuple(content), schema)
    for schema, statuses in list(refusals.items())[:1]:
        yield Answer("4xx, 5xx", responses[statuses[0]]["description"], ("application/json",), schema)


def _named(schema: Document) -> str | None:
    return str(schema["$ref"]).rpartition("/")[2] if "$ref" in schema else None


def _objects(operations: Iterable[Operation], schemas: Schemas) -> Mapping[str, tuple[Field, ...]]:
    names = dict.fromkeys(answer.schema for operation in operations for answer in operation.answers if answer.schema)
    return {name: tuple(_fields("answer", schemas[name], schemas)) for name in names if "properties" in schemas[name]}

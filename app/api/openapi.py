"""Makes `/openapi.json` say what really happens: our schemas, our error body, our examples, no framework leftovers."""

import asyncio
import copy
from collections.abc import Sequence
from threading import Lock
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.api import examples, meanings
from app.api.answer_schemas import SCHEMAS
from app.domain.json import Json

_LEFTOVERS = ("HTTPValidationError", "ValidationError")
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_ERROR: dict[str, Json] = {
    "description": "An error; `code` says which.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def install(app: FastAPI) -> None:
    """Replaces the application's OpenAPI document by one with our components and errors, made when it is first asked for."""
    framework, making = app.openapi, Lock()
    made: list[dict[str, Any]] = []  # the framework's own type

    def document() -> dict[str, Any]:
        with making:
            if not made:
                made.append(_finished(framework()))
        return made[0]

    async def show(request: Request) -> Response:
        text = await asyncio.to_thread(lambda: orjson.dumps(document()))  # the first time takes a quarter of a second
        return Response(text, media_type="application/json")

    app.openapi = document  # type: ignore[method-assign]  # the documented way
    app.add_route("/openapi.json", show, include_in_schema=False)


def answers(schema: str, told: str = "The answer.", *, streamed: bool = False) -> dict[str, Json]:
    """The `responses` of an operation that answers with one of our schemas, or with events on demand."""
    content: dict[str, Json] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    if streamed:
        content["text/event-stream"] = {"schema": {}}
    return {"200": {"description": told, "content": content}}


def binary(*media_types: str) -> dict[str, Json]:
    """The `responses` of an operation that answers with a file."""
    content: dict[str, Json] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {
        "200": {"description": "The file.", "content": content},
        "206": {"description": "A part of it.", "content": content},
        "304": {"description": "Not changed."},
        "416": {"description": "No such range."},
    }


def _finished(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in _LEFTOVERS:
        components.pop(name, None)
    components.update(copy.deepcopy(SCHEMAS))
    known = examples.read_examples()
    for path in schema["paths"].values():
        for method in _METHODS & path.keys():
            _finish(path[method], known.get(path[method]["operationId"], ()))
    meanings.explain_schemas(components)
    return schema


def _finish(operation: dict[str, Any], shown: Sequence[examples.Example]) -> None:
    operation["responses"].pop("422", None)
    operation["responses"].update({"4XX": _ERROR, "5XX": _ERROR})
    meanings.explain(operation)
    examples.put_into(operation, shown)

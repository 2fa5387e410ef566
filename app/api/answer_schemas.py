"""Answers as `/docs` shows them; unknown further keys are always possible."""

from collections.abc import Mapping

from app.api.request_schemas import Schema
from app.domain.json import Json

_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_OBJECT: Schema = {"type": "object"}


def _maybe(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _list_of(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def _object(properties: Mapping[str, Schema], *optional: str) -> dict[str, Json]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": list(required)}


_FAULT: Mapping[str, Schema] = {
    "message": _TEXT,
    "type": _TEXT,
    "param": {**_maybe("string"), "description": "The field as the client wrote it."},
    "code": _TEXT,
}
_VIDEO: Mapping[str, Schema] = {
    "id": _TEXT,
    "task_id": {**_TEXT, "description": "The same as `id`."},
    "object": {"const": "video"},
    "model": _TEXT,
    "status": {"enum": ["queued", "in_progress", "completed", "failed"]},
    "progress": {"type": "integer", "minimum": 0, "maximum": 100},
    "created_at": {**_WHOLE, "description": "Unix seconds, as all times."},
    "updated_at": _WHOLE,
    "completed_at": _maybe("integer"),
    "expires_at": _maybe("integer"),
    "prompt": _maybe("string"),
    "seconds": _TEXT,
    "size": _TEXT,
    "quality": _TEXT,
    "remixed_from_video_id": _maybe("string"),
    "error": {"oneOf": [{"type": "null"}, _object({"code": _TEXT, "message": _TEXT, "type": _TEXT})]},
    "duration": _maybe("number"),
    "resolution": _maybe("string"),
    "aspect_ratio": _maybe("string"),
    "url": {**_maybe("string"), "description": "The result, behind a signed link that needs no key."},
    "video_url": _maybe("string"),
    "result_url": _maybe("string"),
    "format": _TEXT,
    "thumbnail_url": _maybe("string"),
    "last_frame_url": _maybe("string"),
    "external_task_id": _maybe("string"),
    "metadata": _OBJECT,
    "warnings": _list_of("Warning"),
    "usage": _OBJECT,
    "videos": {"type": "array", "items": _OBJECT},
    "errors": {"type": "array", "items": _OBJECT},
    "request_id": _TEXT,
}
_MAYBE = ("usage", "videos", "errors", "request_id")
_WRAPPED: Mapping[str, Schema] = {
    "code": {"const": "success"},
    "message": _TEXT,
    "data": {**_OBJECT, "description": "The same job as new-api wraps it."},
}
_LEGACY: Schema = {"enum": ["queued", "in_progress", "completed", "failed", "processing", "succeeded"]}

SCHEMAS: Mapping[str, Schema] = {
    "Error": _object({"error": _object(_FAULT), **_FAULT, "data": {"type": "null"}, "request_id": _TEXT}),
    "Warning": _object({"code": _TEXT, "field": _maybe("string"), "from": {}, "to": {}}),
    "Video": _object(_VIDEO, *_MAYBE),
    "Generation": _object({**_VIDEO, "status": _LEGACY, **_WRAPPED}, *_MAYBE),
    "VideoList": _object(
        {
            "object": {"const": "list"},
            "data": _list_of("Video"),
            "first_id": _maybe("string"),
            "last_id": _maybe("string"),
            "has_more": {"type": "boolean"},
        }
    ),
    "DeletedVideo": _object({"id": _TEXT, "object": {"const": "video.deleted"}, "deleted": {"const": True}}),
    "Images": _object(
        {
            "created": _WHOLE,
            "data": {"type": "array", "items": {"type": "object", "properties": {"url": _TEXT, "b64_json": _TEXT}}},
            "id": _TEXT,
            "task_id": _TEXT,
            "warnings": _list_of("Warning"),
        }
    ),
    "Model": _object({"id": _TEXT, "object": {"const": "model"}, "created": _WHOLE, "owned_by": _TEXT, "op": _maybe("string")}),
    "ModelList": _object({"object": {"const": "list"}, "data": _list_of("Model")}),
    "Capabilities": _object(
        {
            "id": _TEXT,
            "object": {"const": "model.capabilities"},
            "op": _maybe("string"),
            **{name: _maybe("array") for name in ("modes", "durations", "resolutions", "ratios", "fps", "scalars")},
            "inputs": _maybe("object"),
            "price": _maybe("object"),
            "pace": {"type": "number", "description": "Typical seconds to a result."},
        }
    ),
    "Health": _object({"status": _TEXT}),
}

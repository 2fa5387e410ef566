"""Answers as `/docs` shows them; unknown further keys are always possible."""

from collections.abc import Mapping

from app.api.native import schemas as native_schemas
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


_USD: Schema = {"type": "string", "description": "An amount in USD, with six decimal places."}
_COSTS: Mapping[str, Schema] = {
    "cost_usd": {**_maybe("string"), "description": "What the job cost, in USD; null until it has ended."},
    "reserved_usd": {"type": "string", "description": "What is held of the key's budget until the job has ended, in USD."},
    "unpriced": {"const": True, "description": "Nobody has set a price, so the job costs nothing."},
}
_FIGURES: Mapping[str, Schema] = {
    **dict.fromkeys(("jobs", "completed", "failed", "results"), _WHOLE),
    "seconds": {"type": "number", "description": "Of video."},
    "usd": _USD,
}
_FAULT: Mapping[str, Schema] = {
    "message": _TEXT,
    "type": _TEXT,
    "param": {**_maybe("string"), "description": "The field as the client wrote it."},
    "code": _TEXT,
}
_STATUS: Schema = {"enum": ["queued", "in_progress", "completed", "failed"]}
_PERCENT: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
_FAILURE: Schema = {"oneOf": [{"type": "null"}, _object({"code": _TEXT, "message": _TEXT, "type": _TEXT})]}
_PICTURES: Schema = {"type": "array", "items": {"type": "object", "properties": {"url": _TEXT, "b64_json": _TEXT}}}
_VIDEO: Mapping[str, Schema] = {
    "id": _TEXT,
    "task_id": {**_TEXT, "description": "The same as `id`."},
    "object": {"const": "video"},
    "model": _TEXT,
    "status": _STATUS,
    "progress": _PERCENT,
    "created_at": {**_WHOLE, "description": "Unix seconds, as all times."},
    "updated_at": _WHOLE,
    "completed_at": _maybe("integer"),
    "expires_at": _maybe("integer"),
    "prompt": _maybe("string"),
    "seconds": _TEXT,
    "size": _TEXT,
    "quality": _TEXT,
    "remixed_from_video_id": _maybe("string"),
    "error": _FAILURE,
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
    "late": {
        "type": "object",
        "properties": {"completed_at": _WHOLE, "url": _TEXT},
        "description": "The result of a failed job that came after its deadline.",
    },
    **_COSTS,
}
_MAYBE = ("usage", "videos", "errors", "request_id", "late", "unpriced")
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
    "WebhookSecret": _object(
        {
            "object": {"const": "webhook_secret"},
            "key_id": _TEXT,
            "webhook_secret": {**_TEXT, "description": "Signs this key's webhooks from now on; it is shown this once."},
            "previous_valid_until": {**_maybe("integer"), "description": "Until when the secret before it signs along."},
        }
    ),
    "DeletedVideo": _object({"id": _TEXT, "object": {"const": "video.deleted"}, "deleted": {"const": True}}),
    "Images": _object(
        {
            "created": _WHOLE,
            "data": _PICTURES,
            "id": _TEXT,
            "task_id": _TEXT,
            "warnings": _list_of("Warning"),
            **_COSTS,
        },
        "unpriced",
    ),
    "ImageJob": _object(
        {
            "id": _TEXT,
            "task_id": _TEXT,
            "object": {"const": "image.job"},
            "status": _STATUS,
            "progress": _PERCENT,
            "model": _TEXT,
            "created_at": _WHOLE,
            "completed_at": _maybe("integer"),
            "data": {**_PICTURES, "type": ["array", "null"], "description": "The pictures, once the job has completed."},
            "usage": _maybe("object"),
            "error": _FAILURE,
            "errors": {"type": "array", "items": _OBJECT},
            "warnings": _list_of("Warning"),
            "request_id": _TEXT,
            "late": {**_OBJECT, "description": "The pictures of a failed job that came after its deadline."},
            **_COSTS,
        },
        *("errors", "request_id", "late", "unpriced"),
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
    "KeyUsage": _object(
        {
            "object": {"const": "usage"},
            "key": _object({"id": _TEXT, "name": _TEXT}),
            "currency": {"const": "usd"},
            "spent_usd": {**_USD, "description": "In the budget's period, as what is reserved."},
            "reserved_usd": _USD,
            "spent_total_usd": _USD,
            "budget_usd": _maybe("string"),
            "budget_period": {"enum": ["total", "day", "month"]},
            "remaining_usd": _maybe("string"),
            "period": _object({"start": _maybe("integer"), "end": _maybe("integer")}),
            "limits": _object({"rpm": _maybe("integer"), "max_concurrency": _maybe("integer")}),
            "by_day": {"type": "array", "items": _object({"day": _TEXT, **_FIGURES})},
            "by_model": {"type": "array", "items": _object({"model": _TEXT, **_FIGURES})},
        }
    ),
    "Received": _object({"received": {"const": True}}),
    "Health": _object({"status": _TEXT, "reason": _TEXT}, "reason"),
    **native_schemas.SCHEMAS,
}

"""The vendors' bodies and answers as `/docs` shows them: the usual fields; further ones are read too."""

from collections.abc import Mapping

from app.api.request_schemas import Schema
from app.domain.json import Json

_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_FLAG: Schema = {"type": "boolean"}
_OBJECT: Schema = {"type": "object"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_OBJECTS: Schema = {"type": "array", "items": _OBJECT}
_REFUSALS = ("400", "401", "403", "404", "405", "413", "415", "429", "500", "502", "503", "504")


def refusals(schema: str) -> dict[str, Json]:
    """The `responses` that say that errors look so; a status that is written out goes before a range of them."""
    content: dict[str, Json] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {status: {"description": "An error; `code` says which.", "content": content} for status in _REFUSALS}


def _object(properties: Mapping[str, Schema], *required: str) -> dict[str, Json]:
    schema: dict[str, Json] = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": list(required)} if required else schema


def _body(fields: Mapping[str, Schema], *required: str) -> dict[str, Json]:
    return {"required": True, "content": {"application/json": {"schema": _object(fields, *required)}}}


_ARK_TASK: Mapping[str, Schema] = {
    "model": {**_TEXT, "description": "The public name of any video model."},
    "content": {**_OBJECTS, "description": "Typed items: `text`, `image_url`, `video_url`, `audio_url`, with a `role`."},
    "resolution": _TEXT,
    "ratio": _TEXT,
    "duration": {**_WHOLE, "description": "Seconds; -1 leaves it to the model."},
    "seed": _WHOLE,
    "generate_audio": _FLAG,
    "watermark": _FLAG,
}
_ARK_IMAGE: Mapping[str, Schema] = {
    "model": {**_TEXT, "description": "The public name of any image model."},
    "prompt": _TEXT,
    "image": {"oneOf": [_TEXT, _TEXTS]},
    "size": _TEXT,
    "response_format": {"enum": ["url", "b64_json"]},
    "sequential_image_generation": {"enum": ["auto", "disabled"]},
    "sequential_image_generation_options": _object({"max_images": {"type": "integer", "minimum": 1, "maximum": 15}}),
    "stream": _FLAG,
}
_KLING: Mapping[str, Schema] = {
    "model_name": {**_TEXT, "description": "The public name of any video model; Kling's own default where it is missing."},
    "prompt": _TEXT,
    "negative_prompt": _TEXT,
    "mode": {**_TEXT, "description": "`std`, `pro` or `4k`."},
    "duration": {**_TEXT, "description": "Seconds."},
    "aspect_ratio": _TEXT,
    "sound": {"enum": ["on", "off"]},
    "external_task_id": _TEXT,
}
_KLING_IMAGE: Mapping[str, Schema] = {
    **{name: schema for name, schema in _KLING.items() if name != "aspect_ratio"},
    "image": {**_TEXT, "description": "The first frame: a URL or bare base64."},
    "image_tail": {**_TEXT, "description": "The last frame, likewise."},
}
_KLING_LISTS: Mapping[str, Schema] = {**_KLING, "image_list": _OBJECTS}
_JIMENG: Mapping[str, Schema] = {
    "req_key": {**_TEXT, "description": "The public name of any model."},
    "prompt": _TEXT,
    "image_urls": _TEXTS,
    "frames": {**_WHOLE, "description": "121 are five seconds."},
    "aspect_ratio": _TEXT,
    "seed": _WHOLE,
    "size": {**_WHOLE, "description": "Of pictures: the area in pixels; it snaps to 1K, 2K or 4K."},
    "return_url": {**_FLAG, "description": "Whether pictures come as links; otherwise as base64."},
    "task_id": {**_TEXT, "description": "To ask about a task."},
    "req_json": {**_TEXT, "description": "Beside `task_id`: JSON whose `return_url` says how pictures shall come now."},
}
BODIES: Mapping[str, Schema] = {
    "ark task": _body(_ARK_TASK, "model", "content"),
    "ark images": _body(_ARK_IMAGE, "model", "prompt"),
    "kling text": _body(_KLING),
    "kling image": _body(_KLING_IMAGE),
    "kling subjects": _body(_KLING_LISTS, "image_list", "prompt"),
    "kling omni": _body({**_KLING_LISTS, "video_list": _OBJECTS}),
    "kling extension": _body({"video_id": _TEXT, "prompt": _TEXT}, "video_id"),
    "jimeng": _body(_JIMENG, "req_key"),
}

_FAULT: Mapping[str, Schema] = {
    "message": _TEXT,
    "type": _TEXT,
    "param": {"type": ["string", "null"], "description": "The field as the client wrote it."},
    "code": {**_WHOLE, "description": "The vendor's number that comes nearest."},
}
_NUMBERED: Schema = _object(
    {**_FAULT, "error": _object(_FAULT, *_FAULT), "request_id": _TEXT}, *("code", "message", "request_id", "error")
)
_ARK_ERROR: Schema = {"oneOf": [{"type": "null"}, _object({"code": _TEXT, "message": _TEXT}, "code", "message")]}
_TASK: Mapping[str, Schema] = {
    "id": _TEXT,
    "model": _TEXT,
    "status": {"enum": ["queued", "running", "succeeded", "failed", "cancelled", "expired"]},
    "error": _ARK_ERROR,
    "created_at": {**_WHOLE, "description": "Unix seconds."},
    "updated_at": _WHOLE,
    "content": _object({"video_url": _TEXT}),
    "usage": _object({"completion_tokens": _WHOLE, "total_tokens": _WHOLE}),
}
_KLING_DATA: Schema = _object(
    {
        "task_id": _TEXT,
        "task_status": {"enum": ["submitted", "processing", "succeed", "failed"]},
        "task_status_msg": _TEXT,
        "task_info": _OBJECT,
        "task_result": _object({"videos": {"type": "array", "items": _object({"id": _TEXT, "url": _TEXT, "duration": _TEXT})}}),
        "created_at": {**_WHOLE, "description": "Milliseconds."},
        "updated_at": _WHOLE,
    },
    *("task_id", "task_status", "created_at", "updated_at"),
)
SCHEMAS: Mapping[str, Schema] = {
    "NumberedError": _NUMBERED,
    "ArkTaskId": _object({"id": _TEXT, "safety_identifier": _TEXT}, "id"),
    "ArkTask": _object(_TASK, *("id", "model", "status", "created_at", "updated_at")),
    "ArkTaskList": _object(
        {"total": _WHOLE, "items": {"type": "array", "items": {"$ref": "#/components/schemas/ArkTask"}}}, "total", "items"
    ),
    "ArkImages": _object({"model": _TEXT, "created": _WHOLE, "data": _OBJECTS, "usage": _OBJECT}, "model", "created", "data"),
    "Nothing": _OBJECT,
    "KlingTask": _object(
        {"code": {"const": 0}, "message": _TEXT, "request_id": _TEXT, "data": _KLING_DATA},
        *("code", "message", "request_id", "data"),
    ),
    "JimengTask": _object(
        {
            "code": {**_WHOLE, "description": "10000, unless the task that was asked about has failed."},
            "message": _TEXT,
            "request_id": _TEXT,
            "data": _object(
                {
                    "task_id": _TEXT,
                    "status": {"enum": ["in_queue", "generating", "done", "expired"]},
                    "video_url": _TEXT,
                    "image_urls": {"type": ["array", "null"], "items": _TEXT},
                    "binary_data_base64": {"type": ["array", "null"], "items": _TEXT},
                }
            ),
        },
        *("code", "message", "request_id", "data"),
    ),
}

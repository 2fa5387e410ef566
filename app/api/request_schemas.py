"""Request bodies as `/docs` shows them: the usual fields and their meaning. Further fields are read too."""

from collections.abc import Mapping
from typing import TypeAlias

from app.domain.json import Json

Schema: TypeAlias = Mapping[str, Json]


def _text(description: str, **more: Json) -> Schema:
    return {"type": "string", "description": description, **more}


def _whole(description: str, low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high, "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _one_or_many(description: str) -> Schema:
    return {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "description": description}


_MEDIA = "an https URL, a data URI or bare base64"
_RATIO = r"^[1-9][0-9]{0,2}:[1-9][0-9]{0,2}$"
_SECONDS: Schema = {
    "oneOf": [{"type": "number", "minimum": 0.5, "maximum": 3600}, {"type": "string", "pattern": r"^[1-9][0-9]{0,2}s?$"}],
    "description": "Length in seconds, as a number or as text. It snaps to the nearest length that the model can make.",
}
_CONTENT: Schema = {
    "type": "array",
    "items": {"type": "object", "properties": {"type": {"type": "string"}, "role": {"type": "string"}}},
    "description": "Typed items: `text`, `image_url`, `video_url`, `audio_url`, each with an optional `role`.",
}
_METADATA: Schema = {
    "type": "object",
    "description": "The vendor's own options, and any field of this list; what stands here wins over the top level.",
}
_SHARED: Mapping[str, Schema] = {
    "model": _text("The public name of the model; see `/v1/models`.", minLength=1, maxLength=256),
    "prompt": _text("What to make.", maxLength=32_000),
    "negative_prompt": _text("What to avoid.", maxLength=32_000),
    "resolution": _text("A tier: `480p`, `720p`, `1080p`, `2160p`; for pictures `1K`, `2K`, `4K`."),
    "n": _whole("How many results.", 1, 10),
    "seed": _whole("The same seed makes a similar result again; -1 is any.", -1, 2**31 - 1),
    "watermark": _flag("Whether the vendor may put its mark on the result."),
    "callback_url": _text("Where the outcome is delivered."),
    "external_task_id": _text("Your own name for the job: the same name again gives the same job.", maxLength=128),
    "user": _text("Who of your users asked.", maxLength=512),
    "metadata": _METADATA,
}
VIDEO_FIELDS: Mapping[str, Schema] = {
    **_SHARED,
    "seconds": _SECONDS,
    "duration": _SECONDS,
    "size": _text("Pixels (`1280x720`), a ratio (`16:9`) or a tier (`720p`)."),
    "aspect_ratio": _text("Width to height; `ratio` works too.", pattern=_RATIO),
    "fps": _whole("Frames per second.", 1, 120),
    "image": _one_or_many(f"The first frame, {_MEDIA}; two pictures are first and last frame, more are references."),
    "images": {"type": "array", "items": {"type": "string"}, "description": "The same as a list."},
    "input_reference": {
        "oneOf": [{"type": "string"}, {"type": "object", "properties": {"image_url": {"type": "string"}}}],
        "description": "A picture to start from, as the official SDKs send it.",
    },
    "first_frame_image": _text(f"The first frame: {_MEDIA}."),
    "last_frame_image": _text(f"The last frame: {_MEDIA}."),
    "reference_images": {"type": "array", "items": {"type": "string"}, "description": "Pictures of what shall appear."},
    "video_url": _one_or_many("A video to work on or to refer to."),
    "audio_url": _one_or_many("A sound to refer to."),
    "content": _CONTENT,
    "mode": _text("`t2v`, `i2v`, `i2v_first_last`, `reference_images`, `extend`, `edit`, …; worked out from the inputs if absent."),
    "generate_audio": _flag("Whether the video has sound."),
    "camera_fixed": _flag("Whether the camera stands still."),
}
IMAGE_FIELDS: Mapping[str, Schema] = {
    **_SHARED,
    "image": _one_or_many(f"Pictures to start from: {_MEDIA}."),
    "mask": _text(f"Where to paint: {_MEDIA}."),
    "size": _text("`1024x1024`, another size, or `auto`."),
    "quality": _text("`low`, `medium`, `high`, `auto`, or the vendor's own word."),
    "background": {
        "oneOf": [{"type": "string"}, {"type": "boolean"}],
        "description": "`transparent`, `opaque` or `auto`; true asks for an answer at once (202): poll `GET /v1/images/{id}`.",
    },
    "output_format": _text("`png`, `jpeg` or `webp`."),
    "output_compression": _whole("Percent, for jpeg and webp.", 0, 100),
    "response_format": _text("Whether results come as links or in the answer.", enum=["url", "b64_json"]),
    "stream": _flag("Server-sent events with previews and each finished picture."),
    "partial_images": _whole("How many previews a stream may bring.", 0, 3),
}
SOURCE_FIELDS: Mapping[str, Schema] = {
    **VIDEO_FIELDS,
    "video": {
        "oneOf": [{"type": "string"}, {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}],
        "description": "The video to work on: `{id}` of a finished job of yours, or a URL.",
    },
}


def _object(fields: Mapping[str, Schema], *required: str) -> dict[str, Json]:
    schema: dict[str, Json] = {"type": "object", "properties": dict(fields), "additionalProperties": True}
    return {**schema, "required": list(required)} if required else schema


def _form(fields: Mapping[str, Schema], files: Mapping[str, str], *required: str) -> dict[str, Json]:
    """A multipart body: texts, and files under the names given."""
    parts: dict[str, Schema] = {name: {"type": "string"} for name in fields if name not in files}
    parts |= {
        name: {"type": "array", "items": {"type": "string", "format": "binary"}, "description": description}
        for name, description in files.items()
    }
    return _object(parts, *required)


def _body(schema: Schema, form: Schema | None = None) -> dict[str, Json]:
    content: dict[str, Json] = {"application/json": {"schema": schema}}
    return {"required": True, "content": {**content, "multipart/form-data": {"schema": form}} if form else content}


_IMAGE_FILES = {"image": "One or several pictures; `image[]` works too.", "mask": "Where to paint."}
BODIES: Mapping[str, Schema] = {
    "video": _body(
        _object(VIDEO_FIELDS, "model"),
        _form(VIDEO_FIELDS, {"input_reference": "The first frame.", "image": "One or several pictures."}, "model"),
    ),
    "image": _body(_object(IMAGE_FIELDS, "model", "prompt")),
    "image edit": _body(_object(IMAGE_FIELDS, "model"), _form(IMAGE_FIELDS, _IMAGE_FILES, "model", "image")),
    "source": _body(_object(SOURCE_FIELDS), _form(SOURCE_FIELDS, {"video": "The video to work on."})),
    "remix": _body(_object(VIDEO_FIELDS)),
}

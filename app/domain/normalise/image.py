"""Builds the canonical image request."""

from typing import Literal

from app.domain.json import JsonObject
from app.domain.normalise import fields
from app.domain.normalise.media import gather
from app.domain.normalise.mode import explicit_mode, image_mode
from app.domain.normalise.prompts import read_prompt
from app.domain.normalise.reader import Body
from app.domain.normalise.roles import image_media
from app.domain.normalise.sizing import read_sizes
from app.domain.normalise.values import truth
from app.domain.requests import ImageRequest


def wants_background(body: JsonObject) -> bool:
    """Whether an image body asks for an answer at once and the result later (`background: true`, CONTRACT §1)."""
    return "background" in body and truth(body["background"]) is True


def image_request(body: Body, route: str, model: str, model_variant: str | None) -> ImageRequest:
    """Everything that an image route reads, in the order in which notices shall stand."""
    gathered = gather(body, "image")
    prompt = read_prompt(body, gathered)
    size = read_sizes(body, "image")
    quality = body.take(fields.QUALITY)
    explicit = explicit_mode(body, "image", route)
    media = image_media(gathered.drafts)
    return ImageRequest(
        model=model,
        model_variant=model_variant,
        mode=image_mode(explicit, media, prompt, route),
        prompt=prompt,
        negative_prompt=body.take(fields.NEGATIVE_PROMPT),
        width=size.width,
        height=size.height,
        resolution=size.resolution,
        aspect_ratio=size.aspect_ratio,
        media=media,
        n=body.take(fields.COUNT) or 1,
        seed=body.take(fields.SEED),
        quality=quality,
        watermark=body.take(fields.WATERMARK),
        callback_url=body.take(fields.CALLBACK_URL),
        client_task_id=body.take(fields.CLIENT_TASK_ID),
        user=body.take(fields.USER),
        response_format=_response_format(body),
        output_format=body.take(fields.OUTPUT_FORMAT),
        output_compression=body.take(fields.OUTPUT_COMPRESSION),
        background=body.take(fields.BACKGROUND),
        moderation=body.take(fields.MODERATION),
        input_fidelity=body.take(fields.INPUT_FIDELITY),
        style=body.take(fields.STYLE),
        stream=body.take(fields.STREAM) or False,
        partial_images=body.take(fields.PARTIAL_IMAGES),
        vendor=body.vendor(),
        named=body.named,
    )


def _response_format(body: Body) -> Literal["url", "b64_json"] | None:
    word = body.take(fields.RESPONSE_FORMAT)
    if word is None:
        return None
    return "url" if word == "url" else "b64_json"

"""Builds the canonical video request."""

from app.domain.media import MediaType
from app.domain.normalise import fields
from app.domain.normalise.length import read_length
from app.domain.normalise.media import gather, source_task
from app.domain.normalise.mode import explicit_mode, video_mode
from app.domain.normalise.prompts import read_prompt
from app.domain.normalise.reader import Body
from app.domain.normalise.roles import video_media
from app.domain.normalise.sizing import read_sizes
from app.domain.requests import Mode, VideoRequest

_ON_A_SOURCE = frozenset({Mode.EXTEND, Mode.EDIT, Mode.REMIX})


def video_request(body: Body, route: str, model: str, model_variant: str | None) -> VideoRequest:
    """Everything that a video route reads, in the order in which notices shall stand."""
    generate_audio = body.take(fields.GENERATE_AUDIO)  # before the media: a boolean `audio` is no sound
    gathered = gather(body, "video")
    prompt = read_prompt(body, gathered)
    length = read_length(body)
    size = read_sizes(body, "video")
    quality = body.take(fields.QUALITY)
    explicit = explicit_mode(body, "video", route)
    drafts = gathered.drafts
    if explicit in _ON_A_SOURCE and not any(draft.type is MediaType.VIDEO for draft in drafts):
        drafts = [*drafts, *source_task(body)]
    media = video_media(drafts, explicit, body)
    return VideoRequest(
        model=model,
        model_variant=model_variant,
        mode=video_mode(explicit, media, prompt, body),
        prompt=prompt,
        negative_prompt=body.take(fields.NEGATIVE_PROMPT),
        duration=length.seconds,
        duration_auto=length.auto,
        frames=length.frames,
        fps=length.fps,
        width=size.width,
        height=size.height,
        resolution=size.resolution,
        aspect_ratio=size.aspect_ratio,
        media=media,
        n=body.take(fields.COUNT) or 1,
        seed=body.take(fields.SEED),
        quality=quality,
        generate_audio=generate_audio,
        watermark=body.take(fields.WATERMARK),
        camera_fixed=body.take(fields.CAMERA_FIXED),
        callback_url=body.take(fields.CALLBACK_URL),
        client_task_id=body.take(fields.CLIENT_TASK_ID),
        user=body.take(fields.USER),
        vendor=body.vendor(),
        named=body.named,
    )

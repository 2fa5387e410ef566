"""Videos in the shape of OpenAI's `/v1/videos`, as compatible servers and relays take them: the create calls.

The shape: https://platform.openai.com/docs/api-reference/videos (read 2026-11-20; OpenAI's own service ended 2026-09-24).
What a plain server has a field for goes there: the first frame is `input_reference`, pixels are `size`. The rest goes under
the names that such servers share where they have the thing: `first_frame_image` (beside other pictures), `last_frame_image`,
`reference_images`, `video_urls`, `audio_urls`, `negative_prompt`, `seed`, `fps`, `num_frames`, `generate_audio`, `watermark`,
`camera_fixed`.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from app.adapters._fields import given
from app.adapters._openai_form import choice, form_of, forwarded, linked, prefix, reference
from app.adapters.base import Call
from app.domain.errors import InputRefused
from app.domain.geometry import pixels_of
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Form, Media, Role
from app.domain.requests import Mode, VideoRequest

_PATIENCE = 120.0  # seconds; some servers answer only after they have taken in the files
# role -> the field of a link or data URI, the part of a file, whether it is a list
_FIELDS = {
    Role.FIRST_FRAME: ("input_reference", "input_reference", False),
    Role.LAST_FRAME: ("last_frame_image", "last_frame_image", False),
    Role.REFERENCE_IMAGE: ("reference_images", "reference_images[]", True),
    Role.REFERENCE_VIDEO: ("video_urls", "videos[]", True),
    Role.REFERENCE_AUDIO: ("audio_urls", "audios[]", True),
}
_SIZES = {"size", "width", "height", "resolution", "aspect_ratio"}
_LENGTHS = {"seconds", "duration"}
_DERIVED = {Mode.EDIT: "edits", Mode.EXTEND: "extensions"}


def video_call(job: Job, request: VideoRequest) -> Call:
    """The create call, or the one that makes something of an earlier video."""
    root = prefix(job.settings) + "/videos"
    body = _body(job, request)
    files = list(_place_media(job, request, body))
    if request.mode in (Mode.REMIX, Mode.EDIT, Mode.EXTEND):
        return _derived_call(root, request, said(job, request, body), files)
    if files or choice(job.settings, "video_body", "auto", "json", "multipart") == "multipart":
        return Call(method="POST", path=root, form=form_of(body, files), timeout=_PATIENCE)
    return Call(method="POST", path=root, json=body, timeout=_PATIENCE)


def video_path(job: Job, ending: str = "") -> str:
    """The path of the job at its vendor."""
    return f"{prefix(job.settings)}/videos/{quote(job.upstream_id or '', safe='')}{ending}"


def source_id(request: VideoRequest) -> str | None:
    """The vendor's id of the video that is to be changed, where the client named one by id."""
    source = request.first(Role.SOURCE_VIDEO)
    if source is None or source.form not in (Form.VERBATIM, Form.TASK) or "://" in source.src:
        return None
    return source.src.removeprefix("task:")


def said(job: Job, request: VideoRequest, body: Mapping[str, Json]) -> dict[str, Json]:
    """The body without a length and size that only fitting chose: a changed video keeps those of its source."""
    asked = job.asked
    sized = (asked.width, asked.height, asked.resolution, asked.aspect_ratio) != (None, None, None, None)
    timed = request.mode is Mode.EXTEND or (isinstance(asked, VideoRequest) and asked.duration is not None)
    unsaid = (set() if sized else _SIZES) | (set() if timed else _LENGTHS)
    return {name: value for name, value in body.items() if name not in unsaid}


def remix_call(root: str, request: VideoRequest, body: dict[str, Json]) -> Call:
    """A remix, which only knows videos by their id; the model is the source's own."""
    identifier = source_id(request)
    if identifier is None:
        raise _no_source(request, "A remix needs the id of a video that this upstream made; without `model`, its maker is asked.")
    fields = {name: value for name, value in body.items() if name != "model"}
    return Call(method="POST", path=f"{root}/{quote(identifier, safe='')}/remix", json=fields, timeout=_PATIENCE)


def _derived_call(root: str, request: VideoRequest, body: dict[str, Json], files: list[tuple[str, Media]]) -> Call:
    if request.mode is Mode.REMIX:
        if files:
            raise InputRefused("A remix takes no files.", param=files[0][1].param, code="unsupported_input")
        return remix_call(root, request, body)
    source, identifier = request.first(Role.SOURCE_VIDEO), source_id(request)
    if source is None:
        raise _no_source(request, "This needs a video to start from.")
    path = f"{root}/{_DERIVED[request.mode]}"
    if source.data is not None:
        files = [*files, ("video", source)]
    else:
        body = {**body, "video": {"url": source.src} if identifier is None else {"id": identifier}}
    if files:
        return Call(method="POST", path=path, form=form_of(body, files), timeout=_PATIENCE)
    return Call(method="POST", path=path, json=body, timeout=_PATIENCE)


def _no_source(request: VideoRequest, message: str) -> InputRefused:
    source = request.first(Role.SOURCE_VIDEO)
    return InputRefused(message, param=(source.param if source else "") or "video", code="unsupported_input")


def _body(job: Job, request: VideoRequest) -> dict[str, Json]:
    own = given(
        {
            "model": job.upstream_model,
            "model_name": request.model_variant if job.upstream_model == job.model else None,
            "prompt": request.prompt,
            "seconds": _seconds(job, request),
            **_size(job, request),
            "quality": request.quality,
            "negative_prompt": request.negative_prompt,
            "seed": request.seed,
            "fps": request.fps,
            "num_frames": request.frames,
            "generate_audio": request.generate_audio,
            "watermark": request.watermark,
            "camera_fixed": request.camera_fixed,
            "n": request.n if request.n > 1 else None,
        }
    )
    taken = {*own, "n", "video", "first_frame_image", *(name for field, part, _ in _FIELDS.values() for name in (field, part))}
    return {**own, **forwarded(request.vendor, taken)}


def _seconds(job: Job, request: VideoRequest) -> str | float | None:
    if request.duration is None or choice(job.settings, "seconds_type", "string", "number") == "number":
        return request.duration
    return f"{request.duration:g}"


def _size(job: Job, request: VideoRequest) -> dict[str, Json]:
    """Pixels, the client's own or those of its tier and shape; without a shape only the words that it did say."""
    width, height, ratio = request.width, request.height, request.aspect_ratio
    if (width is None or height is None) and ratio not in (None, "auto"):
        width, height = pixels_of(request.resolution, ratio, "video")
    if width is not None and height is not None:
        return {"size": f"{width}{choice(job.settings, 'size_sep', 'x', '*')}{height}"}
    return {"width": width, "height": height, "resolution": request.resolution, "aspect_ratio": ratio}


def _place_media(job: Job, request: VideoRequest, body: dict[str, Json]) -> Iterator[tuple[str, Media]]:
    """Writes links into the body; yields what goes along as a file."""
    form = choice(job.settings, "input_reference", "auto", "file", "url", "data_uri", "object")
    files = form in ("auto", "file") and choice(job.settings, "video_body", "auto", "json", "multipart") != "json"
    for role, (field, part, many) in _FIELDS.items():
        links: list[Json] = []
        for item in request.by_role(role):
            if files and item.data is not None:
                yield part, item
            elif role is Role.FIRST_FRAME and form not in ("url", "data_uri"):
                links.append(reference(item))
            else:
                links.append(linked(item))
        if links:
            body[field] = links if many else links[0]
    first = request.first(Role.FIRST_FRAME)
    others = request.by_role(Role.LAST_FRAME, Role.REFERENCE_IMAGE)
    if "input_reference" in body and first and first.scheme != "file" and others:
        body["first_frame_image"] = linked(first)  # beside other pictures, a bare reference may be taken for one of them

"""Kling's own API in its older form, `model_name` in the body (its pages as of 2026-11-20): bodies, tasks and error codes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.api.dialects.facts import length
from app.api.dialects.native_fields import NativeBody
from app.api.dialects.videos import Link
from app.domain.errors import InvalidRequest
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json, JsonObject
from app.domain.normalise.reader import shown
from app.domain.normalise.values import elements, given, mapping, one_of, text
from app.domain.requests import Notice
from app.engine.failure_text import failure_text

_STATUSES = {
    JobStatus.QUEUED: "submitted",
    JobStatus.IN_PROGRESS: "processing",
    JobStatus.COMPLETED: "succeed",
    JobStatus.FAILED: "failed",
}
_CLIPS = {"base": "source_video", "feature": "reference_video"}  # `refer_type`
_SOUND = "keep_original_sound"
_DEAREST = ("4k", "2160p")
_BY_CODE = {
    "missing_api_key": 1001,
    "insufficient_quota": 1102,
    "content_policy_violation": 1301,
    "concurrency_limit_exceeded": 1303,
}
_BY_STATUS = {401: 1002, 403: 1103, 404: 1203, 405: 1202, 429: 1302, 503: 5001, 504: 5002}


def text_body(body: JsonObject) -> NativeBody:
    """`text2video`."""
    return _body(body, "kling-v1")


def image_body(body: JsonObject) -> NativeBody:
    """`image2video`: a first frame, a last one, or both."""
    return _body(body, "kling-v1", "i2v")


def subjects_body(body: JsonObject) -> NativeBody:
    """`multi-image2video`: pictures of what shall be seen."""
    read = _body(body, "kling-v1-6", "r2v")
    return replace(read, names={**read.names, "reference_images": "image_list"})


def omni_body(body: JsonObject) -> NativeBody:
    """`omni-video`: what has no type is a reference, a clip is worked on unless it says otherwise."""
    read = _body(body, "kling-video-o1")
    fields, names, notices = dict(read.fields), dict(read.names), read.notices
    pictures, clips = _listed(body.get("image_list")), _listed(body.get("video_list"))
    if pictures:
        fields["image_list"] = [_reference(picture) for picture in pictures]
    if clips:
        if given(body.get("videos")):
            raise InvalidRequest("`video_list` excludes `videos`.", code="conflicting_parameters", param="video_list")
        del fields["video_list"]
        fields["videos"] = [_clip(clip, f"video_list[{index}]") for index, clip in enumerate(clips)]
        names["videos"] = "video_list"
        kept = [clip[_SOUND] for clip in clips if isinstance(clip, Mapping) and given(clip.get(_SOUND))]
        if kept:
            fields[_SOUND] = kept[0]
            notices += tuple(Notice(f"adjusted:vendor.{_SOUND}", f"vendor.{_SOUND}", other, kept[0]) for other in _unlike(kept))
    return NativeBody(fields, names, notices=notices)


def extension_body(unsaid: str) -> Callable[[JsonObject], NativeBody]:
    """`video-extend`: its model is that of the video, for which `unsaid` stands as long as it is not known."""

    def read(body: JsonObject) -> NativeBody:
        extension = _body(body, unsaid, "extend")
        return replace(extension, names={**extension.names, "video": "video_id"})

    return read


def task_object(job: Job, link: Link) -> dict[str, Json]:
    """A task, as it stands in `data`; times are milliseconds."""
    named = job.asked.client_task_id
    result: dict[str, Json] = {}
    if job.status is JobStatus.COMPLETED:
        result["videos"] = [_video(job, index, link) for index in range(len(job.outputs))]
    return {
        "task_id": job.id,
        "task_status": _STATUSES[job.status],
        "task_status_msg": failure_text(job.failure, job) if job.failure else "",
        "task_info": {"external_task_id": named} if named else {},
        "task_result": result,
        "created_at": _milliseconds(job.created_at),
        "updated_at": _milliseconds(job.updated_at),
    }


def envelope(job: Job, link: Link, request_id: str) -> dict[str, Json]:
    """The whole answer about a task; the id also stands where clients of new-api look for it."""
    head: dict[str, Json] = {"code": 0, "message": "SUCCEED", "request_id": request_id}
    return {**head, "data": task_object(job, link), "id": job.id, "task_id": job.id}


def error_code(status: int, code: str) -> int:
    """The vendor's number for an error of ours with this HTTP status."""
    return _BY_CODE.get(code) or _BY_STATUS.get(status) or (5000 if status >= 500 else 1201)


def _body(body: JsonObject, model: str, mode: str = "") -> NativeBody:
    fields, names, notices = dict(body), dict[str, str | None](), tuple[Notice, ...]()
    if not given(body.get("model")) and not given(body.get("model_name")):
        fields["model_name"] = model
    if mode:
        fields["function_mode"] = mode
        names["function_mode"] = None
    quality = body.get("mode")
    if isinstance(quality, str) and quality.strip().lower() == "4k":
        fields["resolution"] = fields.pop("mode")
        names["resolution"] = "mode"
        other = body.get("resolution")
        if given(other) and str(other).strip().lower() not in _DEAREST:
            notices = (Notice("adjusted:resolution", "resolution", shown(other), quality),)
    if not given(body.get("prompt")):
        fields["prompt"] = _shots(body)
        names["prompt"] = "multi_prompt" if fields["prompt"] else "prompt"
    return NativeBody(fields, names, notices=notices)


def _shots(body: JsonObject) -> Json:
    """The words of a film in several shots, which has no prompt of its own; how long each one is, only its model knows."""
    shots = _listed(body.get("multi_prompt"))
    spoken = [
        text(mapping(shot, f"multi_prompt[{index}]").get("prompt"), f"multi_prompt[{index}].prompt")
        for index, shot in enumerate(shots)
    ]
    return "\n".join(spoken) or None


def _listed(value: Json) -> Sequence[Json]:
    """What a list holds; one thing alone is a list of it."""
    if not given(value):
        return ()
    items = elements(value)
    return (value,) if items is None else items


def _unlike(values: Sequence[Json]) -> Sequence[Json]:
    return [value for value in values[1:] if value != values[0]]


def _reference(picture: Json) -> Json:
    """A word that the vendor does not have stays a word that nobody knows, and is reported as one."""
    if not isinstance(picture, Mapping) or given(picture.get("role")):
        return picture
    return {**picture, "role": picture["type"] if given(picture.get("type")) else "reference_image"}


def _clip(clip: Json, name: str) -> Json:
    if not isinstance(clip, Mapping) or given(clip.get("role")):
        return clip
    wanted = one_of(*_CLIPS)(clip["refer_type"], f"{name}.refer_type") if given(clip.get("refer_type")) else "base"
    return {**clip, "role": _CLIPS[wanted]}


def _video(job: Job, index: int, link: Link) -> dict[str, Json]:
    """The first video bears the job's own id, so that it can be extended by it."""
    seconds = length(job)
    identifier = f"{job.id}:{index}" if index else job.id
    return {"id": identifier, "url": link(index), "duration": "" if seconds is None else f"{seconds}"}


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

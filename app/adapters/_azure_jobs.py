"""Azure's jobs API of Sora 1: the job is asked about by its id, each result is fetched by the id of its generation."""

import json
from urllib.parse import quote

from app.adapters._fields import given, items, number, table, text, whole
from app.adapters._openai_errors import MODERATION, read_error
from app.adapters._openai_form import choice, file_part, form_of, prefix
from app.adapters.base import Adapter, Call, Reply, status_of
from app.domain.errors import InputRefused, UpstreamUnreadable
from app.domain.geometry import pixels_of
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot
from app.domain.json import Json, JsonObject
from app.domain.media import Media, Role
from app.domain.requests import Mode, VideoRequest

JOBS = "/video/generations"
_PATIENCE = 120.0  # seconds; a body may hold a clip
_MODES = (Mode.T2V, Mode.I2V, Mode.EDIT)
_TYPES = {Role.FIRST_FRAME: "image", Role.SOURCE_VIDEO: "video"}
_WHOLE_PICTURE = {"left_fraction": 0.0, "top_fraction": 0.0, "right_fraction": 1.0, "bottom_fraction": 1.0}


def uses_jobs(job: Job) -> bool:
    """Whether this video is made by the jobs API; a job that was made says so itself, whatever the channel says now."""
    if job.upstream_id is not None:
        return job.facts.get("api") == "jobs"
    way = choice(job.settings, "api", "auto", "v1", "jobs")
    return way == "jobs" or (way == "auto" and "sora" in (job.model, job.upstream_model))


def job_path(job: Job) -> str:
    """The path of the job at its vendor."""
    return f"{prefix(job.settings)}{JOBS}/jobs/{quote(job.upstream_id or '', safe='')}"


def job_call(job: Job, request: VideoRequest) -> Call:
    """The create call: JSON, or multipart where a picture or clip stands at the start."""
    path, body = f"{prefix(job.settings)}{JOBS}/jobs", _body(job, request)
    if request.mode not in _MODES:
        raise _refused(request, next(iter(request.media), None))
    if not request.media:
        return Call(method="POST", path=path, json=body, timeout=_PATIENCE)
    files = [_checked(request, item) for item in request.media]
    places = json.dumps([_place(item, number) for number, item in enumerate(files)])
    form = form_of({**body, "inpaint_items": places}, [("files", item) for item in files])
    return Call(method="POST", path=path, form=form, timeout=_PATIENCE)


def read_job_created(job: Job, reply: Reply) -> Snapshot:
    """The answer to a create; whatever else it may say, the first status call says it better."""
    answer = reply.object()
    identifier = text(answer.get("id"))
    if identifier is not None:
        return Snapshot(status=JobStatus.QUEUED, upstream_id=identifier, facts={"api": "jobs"})
    if answer.get("error"):
        raise read_error(job, reply)
    raise UpstreamUnreadable("Azure took the job and gave no id.", status=reply.status, body=reply.excerpt())


def read_job(adapter: Adapter, job: Job, reply: Reply) -> Snapshot:
    """The job object; raises UnknownStatus, or the error that the answer consists of."""
    answer = reply.object()
    if answer.get("status") is None and answer.get("error"):
        raise read_error(job, reply)
    status = status_of(adapter, answer.get("status"))
    made = [table(item) for item in items(answer.get("generations"))]
    named = [item for item in made if text(item.get("id"))] if status is JobStatus.COMPLETED else []
    seconds = number(answer.get("n_seconds"))
    return Snapshot(
        status=status,
        outputs=tuple(_output(job, item) for item in named),
        failure=_failure(answer) if status is JobStatus.FAILED else None,
        seconds=seconds if seconds is not None and 0 < seconds <= 3600 else None,
        facts={"generation_ids": ",".join(text(item.get("id")) or "" for item in named)} if named else {},
    )


def _body(job: Job, request: VideoRequest) -> dict[str, Json]:
    width, height = request.width, request.height
    if width is None or height is None:
        width, height = pixels_of(request.resolution, request.aspect_ratio, "video")
    return given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt or "",
            "width": width,
            "height": height,
            "n_seconds": whole(request.duration),
            "n_variants": request.n,
        }
    )


def _checked(request: VideoRequest, item: Media) -> Media:
    if item.role not in _TYPES or item.data is None:
        raise _refused(request, item)
    return item


def _refused(request: VideoRequest, item: Media | None) -> InputRefused:
    what = request.mode.value if item is None else f"{item.role.value.replace('_', ' ')} in {request.mode.value}"
    param = request.client_name("mode") if item is None else item.param
    return InputRefused(f"Azure's jobs API can do no {what}.", param=param or None, code="unsupported_input")


def _place(item: Media, number: int) -> JsonObject:
    """Where in the video a file stands: all of it, from the first frame on."""
    name = file_part(item, number).filename
    return {"frame_index": 0, "type": _TYPES[item.role], "file_name": name, "crop_bounds": _WHOLE_PICTURE}


def _output(job: Job, generation: JsonObject) -> Output:
    place = f"{prefix(job.settings)}{JOBS}/{quote(text(generation.get('id')) or '', safe='')}/content"
    return Output(
        url=f"{place}/video",
        mime="video/mp4",
        width=whole(generation.get("width")),
        height=whole(generation.get("height")),
        thumbnail_url=f"{place}/thumbnail",
    )


def _failure(answer: JsonObject) -> Failure:
    reason = text(answer.get("failure_reason"))
    word = (reason or "").lower()
    if (text(answer.get("status")) or "").strip().lower() == "cancelled":
        return Failure("cancelled", "The job was cancelled at its vendor.", reason)
    if word in MODERATION:
        return Failure("content_policy_violation", f"The vendor's moderation stopped the job ({word}).", reason)
    return Failure("generation_failed", f"The vendor reported a failure ({reason or 'without a reason'}).", reason)

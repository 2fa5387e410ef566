"""`/v1/video/generations/{id}`: the flat video object plus the wrapped task that new-api's clients read (newapi.md §9)."""

from app.api.dialects.facts import epoch, file_format
from app.api.dialects.videos import Link, video_object
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json
from app.domain.requests import Mode
from app.engine.failure_text import failure_text

_WRAPPED = {
    JobStatus.QUEUED: "QUEUED",
    JobStatus.IN_PROGRESS: "IN_PROGRESS",
    JobStatus.COMPLETED: "SUCCESS",
    JobStatus.FAILED: "FAILURE",
}
_LEGACY = {
    JobStatus.QUEUED: "processing",
    JobStatus.IN_PROGRESS: "processing",
    JobStatus.COMPLETED: "succeeded",
    JobStatus.FAILED: "failed",
}
_VENDOR = {
    JobStatus.QUEUED: "queued",
    JobStatus.IN_PROGRESS: "running",
    JobStatus.COMPLETED: "succeeded",
    JobStatus.FAILED: "failed",
}
_ACTIONS = {
    Mode.T2V: "textGenerate",
    Mode.FLF2V: "firstTailGenerate",
    Mode.R2V: "referenceGenerate",
    Mode.REMIX: "remixGenerate",
}


def generation_object(job: Job, link: Link, *, legacy: bool = False) -> dict[str, Json]:
    """The answer to a query. `legacy` speaks the status words of old clients in the flat keys."""
    flat = video_object(job, link)
    if legacy:
        flat["status"] = _LEGACY[job.status]
    return {**flat, "code": "success", "message": "", "data": _task(job, flat)}


def _task(job: Job, flat: dict[str, Json]) -> dict[str, Json]:
    """The wrapped task: times that are not reached are 0, because typed clients decode integers."""
    return {
        "id": job.number,
        "task_id": job.id,
        "action": _ACTIONS.get(job.request.mode, "generate"),
        "status": _WRAPPED[job.status],
        "progress": f"{job.progress}%",
        "fail_reason": failure_text(job.failure, job) if job.failure else "",
        "result_url": flat["url"],
        "url": flat["url"],
        "format": file_format(job.outputs[0] if job.outputs else None, "mp4"),
        "submit_time": epoch(job.created_at),
        "start_time": epoch(job.started_at) or 0,
        "finish_time": epoch(job.completed_at) or 0,
        "created_at": epoch(job.created_at),
        "updated_at": epoch(job.updated_at),
        "properties": {"origin_model_name": job.model},
        "error": flat["error"],
        "data": _vendor_like(job, flat),
    }


def _vendor_like(job: Job, flat: dict[str, Json]) -> dict[str, Json]:
    """What clients dig for in the place of the vendor's own answer, which never leaves the gateway."""
    made: dict[str, Json] = {"status": _VENDOR[job.status]}
    if flat["url"] is not None:
        made["content"] = {"video_url": flat["url"]}
        made["task_result"] = {"videos": [{"url": flat["url"], "duration": flat["seconds"]}]}
    if flat["error"] is not None:
        made["error"] = flat["error"]
    return made

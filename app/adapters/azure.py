"""Azure OpenAI: OpenAI's pictures and videos under Azure's paths and header, and the older jobs API of Sora 1.

https://learn.microsoft.com/azure/ai-foundry/openai/ (read 2026-11-20). The base URL is the resource's bare host; a model's name is
that of the deployment. Channel settings as in `openai`, and

    path_prefix  "/openai/v1"                       what stands before /images, /videos, /models
    api_version  (none on v1) | "preview" | a date  the query parameter `api-version`
    api          "auto" | "v1" | "jobs"             how videos are asked for; auto: jobs for the model `sora`, else v1
    images       "v1" | "deployments"               deployments: /openai/deployments/<model>/images, which needs a dated version

No variables of the environment make a channel: the usual ones name the resource's address otherwise than Filmgate does.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, TypeVar
from urllib.parse import quote

from app.adapters._azure_jobs import JOBS, job_call, job_path, read_job, read_job_created, uses_jobs
from app.adapters._fields import text
from app.adapters._openai_form import choice, prefix
from app.adapters.base import Adapter, Call, Reply, StreamEvent
from app.adapters.openai import OpenAI
from app.domain.channels import Channel, Credential
from app.domain.errors import UpstreamError
from app.domain.geometry import pixels_of
from app.domain.jobs import Job, JobStatus, Output, Snapshot
from app.domain.json import Json, JsonObject
from app.domain.requests import ImageRequest, VideoRequest

# an image model under a deployment's name is a GPT image model all the same: it refuses `response_format`
_USUAL: Mapping[str, Json] = {"path_prefix": "/openai/v1", "response_format": "omit"}
Sized = TypeVar("Sized", ImageRequest, VideoRequest)
_JOBS_VERSION = "preview"
_DEPLOYMENTS_VERSION = "2025-04-01-preview"


class Azure(OpenAI):
    """A credential is one of the resource's two keys."""

    name = "azure"
    environment: ClassVar[Mapping[str, str]] = {}
    default_base_url = ""
    statuses: ClassVar[Mapping[str, JobStatus]] = {
        "queued": JobStatus.QUEUED,
        "preprocessing": JobStatus.QUEUED,
        "in_progress": JobStatus.IN_PROGRESS,
        "running": JobStatus.IN_PROGRESS,
        "processing": JobStatus.IN_PROGRESS,
        "completed": JobStatus.COMPLETED,
        "succeeded": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "cancelled": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        url = Adapter.base_url(self, given.strip())
        return url.removesuffix("/v1").removesuffix("/openai")

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        return call.with_headers(api_key=credential.text("api_key"))

    def build_request(self, job: Job) -> Call:
        job = _placed(job)
        if not isinstance(job.request, ImageRequest) and uses_jobs(job):
            return _versioned(job_call(job, job.request), job.settings, _JOBS_VERSION)
        return _picture_path(super().build_request(job), job)

    def build_stream(self, job: Job) -> Call | None:
        job = _placed(job)
        call = super().build_stream(job)
        return None if call is None else _picture_path(call, job)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        if job.op == "video" and uses_jobs(job):
            return read_job_created(job, reply)
        return super().parse_submit(_placed(job), reply)

    def parse_event(self, job: Job, event: JsonObject) -> StreamEvent | None:
        return super().parse_event(_placed(job), event)

    def build_status(self, job: Job) -> Call:
        job = _placed(job)
        if uses_jobs(job):
            return _versioned(Call(path=job_path(job)), job.settings, _JOBS_VERSION)
        return _versioned(super().build_status(job), job.settings)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot | Call:
        job = _placed(job)
        return read_job(self, job, reply) if uses_jobs(job) else super().parse_status(job, reply)

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        error = super().parse_error(job, reply)
        error.request_id = error.request_id or reply.headers.get("apim-request-id")
        return error

    def build_download(self, job: Job, output: Output) -> Call:
        call = super().build_download(job, output)
        if not call.path.startswith("/"):
            return call
        return _versioned(call, job.settings, _JOBS_VERSION if JOBS in call.path else None)

    def build_cancel(self, job: Job) -> Call | None:
        job = _placed(job)
        call = super().build_cancel(job)
        if call is None or not uses_jobs(job):
            return None if call is None else _versioned(call, job.settings)
        return _versioned(Call(method="DELETE", path=job_path(job)), job.settings, _JOBS_VERSION)

    def build_test(self, channel: Channel) -> Call | None:
        settings = {**_USUAL, **channel.settings}
        return _versioned(Call(path=f"{prefix(settings)}/models"), settings)


def _placed(job: Job) -> Job:
    """The job with Azure's own settings where the channel has no others, and with its size in pixels, the only words for one."""
    request = job.request
    request = _in_pixels(request) if isinstance(request, ImageRequest) else replace(_in_pixels(request), frames=None)
    return replace(job, request=request, settings={**_USUAL, **job.settings})


def _in_pixels(request: Sized) -> Sized:
    if request.width is not None and request.height is not None:
        return request
    ratio = None if request.aspect_ratio == "auto" else request.aspect_ratio
    if request.resolution is None and ratio is None:
        return replace(request, width=None, height=None, aspect_ratio=None)
    width, height = pixels_of(request.resolution, ratio, request.op)
    return replace(request, width=width, height=height)


def _versioned(call: Call, settings: JsonObject, usual: str | None = None) -> Call:
    version = text(settings.get("api_version")) or usual
    return call if version is None else replace(call, query=(*call.query, ("api-version", version)))


def _picture_path(call: Call, job: Job) -> Call:
    """The call at the path that the channel's setting `images` names."""
    root = f"{prefix(job.settings)}/images"
    if choice(job.settings, "images", "v1", "deployments") == "v1" or not call.path.startswith(root):
        return _versioned(call, job.settings)
    path = f"/openai/deployments/{quote(job.upstream_model, safe='')}/images{call.path.removeprefix(root)}"
    return _versioned(replace(call, path=path), job.settings, _DEPLOYMENTS_VERSION)

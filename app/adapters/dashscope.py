"""Alibaba Cloud Model Studio (DashScope): HappyHorse and Wan videos as tasks, Qwen-Image and Wan pictures at once or as tasks.

https://www.alibabacloud.com/help/en/model-studio/ (read 2026-11-20). One key, host and region belong together; the channel's
base URL is the bare host: the classic one of China or Singapore (`dashscope-intl`), or that of a workspace. Channel settings:

    image_calls  "auto" | "sync" | "async"    how pictures are asked for where a model knows both ways; auto: async, but sync
                                              for Qwen-Image
"""

from datetime import datetime
from urllib.parse import quote

from app.adapters._dashscope_errors import error_of
from app.adapters._dashscope_images import image_body
from app.adapters._dashscope_media import check_media, resolving
from app.adapters._dashscope_models import image_wire, undated, video_wire
from app.adapters._dashscope_replies import failed_snapshot, pictures_snapshot, submitted, video_snapshot
from app.adapters._dashscope_videos import video_body
from app.adapters._fields import dig, text
from app.adapters.base import Adapter, Call, Reply, status_of
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UpstreamError, UpstreamRefused
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.requests import ImageRequest

_TASKS = "/api/v1/tasks"
_ROOTS = ("/api/v1", "/compatible-mode/v1", "/api")
_AS_TASK = {"X-DashScope-Async": "enable"}
_CREATE_SECONDS = 120.0  # a body may hold nine pictures
_IMAGE_SECONDS = 600.0  # for pictures that are waited for


class DashScope(Adapter):
    """One pair of endpoints makes and watches every task.

    There is no `build_lookup`: a create carries no id of ours, and the list of tasks shows no prompt by which one could be told
    from another. `workspace` is the id of a workspace other than the key's default one.
    """

    name = "dashscope"
    default_base_url = "https://dashscope.aliyuncs.com"
    environment = {"api_key": "DASHSCOPE_API_KEY"}
    optional_credential_fields = frozenset({"workspace"})
    statuses = {
        "pending": JobStatus.QUEUED,
        "suspended": JobStatus.QUEUED,
        "running": JobStatus.IN_PROGRESS,
        "succeeded": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "canceled": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        url = super().base_url(given.strip())
        for root in _ROOTS:
            url = url.removesuffix(root)
        return url

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        if call.path.startswith(("http://", "https://")):
            return call  # a result's link is signed, and its store refuses a second way to show who is asking
        call = super().authorize(call, credential, now)
        workspace = credential.fields.get("workspace")
        return call.with_headers(**{"X-DashScope-WorkSpace": str(workspace)}) if workspace else call

    def build_request(self, job: Job) -> Call:
        request, card = job.request, self._card(job)
        check_media(request.media)
        resolve = resolving(request.media)
        if isinstance(request, ImageRequest):
            wire = image_wire(job.upstream_model, str(job.settings.get("image_calls")))
            body = image_body(job, request, card, wire)
            headers, seconds = (_AS_TASK, _CREATE_SECONDS) if wire.task else ({}, _IMAGE_SECONDS)
            return Call(method="POST", path=wire.path, headers={**headers, **resolve}, json=body, timeout=seconds)
        path = video_wire(job.upstream_model).path
        headers = {**_AS_TASK, **resolve}
        return Call(method="POST", path=path, headers=headers, json=video_body(job, request, card), timeout=_CREATE_SECONDS)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        return submitted(job, reply)

    def build_status(self, job: Job) -> Call:
        return Call(path=_task_path(job), timeout=30)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot:
        """Failed tasks and unknown ones come with HTTP 200, too."""
        answer = reply.object()
        word = dig(answer, "output", "task_status")
        if word is None and text(answer.get("code")):
            raise error_of(job, reply)
        if (text(word) or "").upper() == "UNKNOWN":
            raise _gone(reply)
        status = status_of(self, word)
        if status is JobStatus.FAILED:
            return failed_snapshot(answer, word)
        if status is not JobStatus.COMPLETED:
            return Snapshot(status=status)
        return pictures_snapshot(answer) if job.op == "image" else video_snapshot(answer, self._card(job))

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def build_cancel(self, job: Job) -> Call:
        """Only a task that has not begun can be taken back; the vendor answers 400 otherwise."""
        return Call(method="POST", path=f"{_task_path(job)}/cancel", timeout=30)

    def build_test(self, channel: Channel) -> Call:
        return Call(path=_TASKS, query=(("page_no", "1"), ("page_size", "1")), timeout=15)

    def _card(self, job: Job) -> ModelCard | None:
        """What the data file knows of the model; None for ids that it lacks."""
        models, upstream = catalogue(self.name), job.upstream_model
        return models.find(upstream) or models.find(undated(upstream)) or models.find(job.model)


def _gone(reply: Reply) -> UpstreamRefused:
    """A task that expired (after a day), is another account's, or is not visible yet: the engine asks again before it gives up."""
    message = "DashScope does not know this task, or it has expired."
    return UpstreamRefused(
        message,
        fault=Fault.NOT_FOUND,
        status=reply.status,
        upstream_code="UNKNOWN",
        body=reply.excerpt(),
        request_id=text(dig(reply.json, "request_id")),
    )


def _task_path(job: Job) -> str:
    return f"{_TASKS}/{quote(job.upstream_id or '', safe='')}"

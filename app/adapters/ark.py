"""Volcengine Ark: Seedance videos as tasks, Seedream images in one call.

https://www.volcengine.com/docs/82379/1520757 (videos), https://www.volcengine.com/docs/82379/1541523 (images); read 2026-11-20.
"""

from dataclasses import replace
from urllib.parse import quote

from app.adapters._ark_bodies import honours, image_body, video_body
from app.adapters._ark_errors import error_of
from app.adapters._ark_replies import image_event, image_snapshot, task_snapshot
from app.adapters._fields import text
from app.adapters.base import Adapter, Call, Reply, StreamEvent, status_of
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel
from app.domain.errors import UpstreamError, UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.json import JsonObject
from app.domain.requests import ImageRequest

_TASKS = "/contents/generations/tasks"
_IMAGES = "/images/generations"
_ROOT = "/api/v3"
_CREATE_SECONDS = 120.0  # a body may hold 64 MiB
_IMAGE_SECONDS = 600.0  # the slowest model takes about two minutes a picture, a group several times that


class Ark(Adapter):
    """Volcengine's deployment in mainland China.

    There is no `build_lookup`: a create carries no id of ours, and the list of tasks can be searched by the vendor's ids,
    status and endpoint only. Two equal requests could not be told apart, so a lost answer stays unknown.
    """

    name = "ark"
    default_base_url = "https://ark.cn-beijing.volces.com/api/v3"
    environment = {"api_key": "ARK_API_KEY"}
    takes_callback = True  # unsigned; the secret is in our URL, and what it says is asked for anyway
    statuses = {
        "queued": JobStatus.QUEUED,
        "pending": JobStatus.QUEUED,
        "running": JobStatus.IN_PROGRESS,
        "processing": JobStatus.IN_PROGRESS,
        "succeeded": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "expired": JobStatus.FAILED,
        "cancelled": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        url = super().base_url(given.strip())
        for path in (_TASKS, _IMAGES):
            url = url.removesuffix(path)
        if url.endswith(_ROOT):
            return url
        return url.removesuffix("/api") + _ROOT

    def build_request(self, job: Job) -> Call:
        request, card = job.request, self._card(job)
        if isinstance(request, ImageRequest):
            return Call(method="POST", path=_IMAGES, json=image_body(job, request, card), timeout=_IMAGE_SECONDS)
        return Call(method="POST", path=_TASKS, json=video_body(job, request, card), timeout=_CREATE_SECONDS)

    def build_stream(self, job: Job) -> Call | None:
        if not isinstance(job.request, ImageRequest) or not honours(self._card(job), "stream"):
            return None
        call = self.build_request(job)
        return replace(call, json={**(call.json or {}), "stream": True}, headers={"Accept": "text/event-stream"})

    def parse_event(self, job: Job, event: JsonObject) -> StreamEvent | None:
        return image_event(job.request, event) if isinstance(job.request, ImageRequest) else None

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        if isinstance(job.request, ImageRequest):
            return image_snapshot(job.request, reply)
        upstream_id = text(reply.object().get("id"))
        if upstream_id is None:
            raise UpstreamUnreadable("Ark took the task and gave no id.", status=reply.status, body=reply.excerpt())
        # only `id` is documented; whatever else an answer may say, the first status call says it better
        return Snapshot(status=JobStatus.QUEUED, upstream_id=upstream_id)

    def build_status(self, job: Job) -> Call:
        return Call(path=_task_path(job), timeout=30)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot:
        task = reply.object()
        status = status_of(self, task.get("status"))
        snapshot = task_snapshot(task, status, self._card(job))
        return replace(snapshot, upstream_id=job.upstream_id or snapshot.upstream_id)

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def build_cancel(self, job: Job) -> Call:
        """Only a queued task can be taken back; a running one answers 409 and goes on."""
        return Call(method="DELETE", path=_task_path(job), timeout=30)

    def build_test(self, channel: Channel) -> Call:
        return Call(path=_TASKS, query=(("page_num", "1"), ("page_size", "1")), timeout=15)

    def _card(self, job: Job) -> ModelCard | None:
        """What the data file knows of the model; None for endpoint ids behind names of the operator's own."""
        models = catalogue(self.name)
        return models.find(job.upstream_model) or models.find(job.model)


def _task_path(job: Job) -> str:
    return f"{_TASKS}/{quote(job.upstream_id or '', safe='')}"

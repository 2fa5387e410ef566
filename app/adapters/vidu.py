"""Vidu: videos and pictures as tasks, a way in for each kind of input and one question for all.

https://platform.vidu.com/docs/text-to-video and its neighbours; read 2026-11-20.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from app.adapters._fields import text
from app.adapters._vidu_bodies import image_body, is_off_peak, video_body
from app.adapters._vidu_errors import error_of
from app.adapters._vidu_modes import wish_of
from app.adapters._vidu_replies import created, task_snapshot
from app.adapters.base import Adapter, Call, Reply, status_of
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Credential
from app.domain.errors import UnknownStatus, UpstreamError, UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.requests import ImageRequest

_ROOT = "/ent/v2"
_HABITS = re.compile(r"/ent(?:/v2(?:/.*)?)?/*$")  # what operators copy along with the host
_CREATE_SECONDS = 120.0  # a body may hold 20 MB
_OFF_PEAK = timedelta(hours=49)  # the vendor gives up after 48 hours; the last hour is for its word on it


class Vidu(Adapter):
    """The vendor's enterprise API; `https://api.vidu.cn` is its deployment in mainland China.

    `auth_scheme` in a credential replaces the word `Token` for relays that want `Bearer`. With the channel setting
    `exact_models` a model never lends itself to its sister. There is no `build_lookup`: a create carries no id of ours that
    the list of tasks would show, and two equal requests could not be told apart.
    """

    name = "vidu"
    default_base_url = "https://api.vidu.com"
    environment = {"api_key": "VIDU_API_KEY"}
    optional_credential_fields = frozenset({"auth_scheme"})
    takes_callback = True
    renews_links = True  # a guess: no page says whether a link made anew outlives the first day
    statuses = {
        "created": JobStatus.QUEUED,
        "queueing": JobStatus.QUEUED,
        "processing": JobStatus.IN_PROGRESS,
        "success": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        return _HABITS.sub("", super().base_url(given.strip()))

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        scheme = credential.text("auth_scheme").strip() or "Token"
        return call.with_headers(Authorization=f"{scheme} {credential.text('api_key')}")

    def build_request(self, job: Job) -> Call:
        request = job.request
        if isinstance(request, ImageRequest):
            body = image_body(job, request, self._card(job, job.upstream_model))
            return Call(method="POST", path=f"{_ROOT}/reference2image", json=body, timeout=_CREATE_SECONDS)
        wish = wish_of(job, request, self._asked_card(job))
        body = video_body(job, wish, self._card(job, wish.model))
        return Call(method="POST", path=f"{_ROOT}/{wish.endpoint}", json=body, timeout=_CREATE_SECONDS)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        task = reply.object()
        upstream_id = text(task.get("task_id")) or text(task.get("id"))
        if upstream_id is None:
            raise UpstreamUnreadable("Vidu took the task and gave no id.", status=reply.status, body=reply.excerpt())
        try:
            status = status_of(self, task.get("state"))
        except UnknownStatus:
            status = JobStatus.QUEUED
        return replace(created(job, task, status), upstream_id=upstream_id)

    def build_status(self, job: Job) -> Call:
        return Call(path=f"{_task(job)}/creations", timeout=30)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot:
        task = reply.object()
        # a page of the vendor calls the field `status` where its own example says `state`
        status = status_of(self, task.get("state") if task.get("state") is not None else task.get("status"))
        snapshot = task_snapshot(job, task, status)
        return replace(snapshot, upstream_id=job.upstream_id or text(task.get("id")))

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def patience(self, job: Job) -> timedelta:
        """Work for the night may wait two days."""
        return _OFF_PEAK if is_off_peak(job.request.vendor) else super().patience(job)

    def build_cancel(self, job: Job) -> Call:
        """Only a task that waits can be taken back; a later one answers 400 and goes on."""
        return Call(method="POST", path=f"{_task(job)}/cancel", json={"id": job.upstream_id or ""}, timeout=30)

    def build_test(self, channel: Channel) -> Call:
        return Call(path=f"{_ROOT}/tasks", query=(("pager.pagesz", "1"),), timeout=15)

    def _card(self, job: Job, upstream: str) -> ModelCard | None:
        """What the data file knows of the model that does the work; None for models to come."""
        return catalogue(self.name).find(upstream, job.request.op)

    def _asked_card(self, job: Job) -> ModelCard | None:
        """What the data file knows of the model that was asked for, which may lend itself to its sister."""
        models = catalogue(self.name)
        return models.find(job.model, "video") or models.find(job.upstream_model, "video")


def _task(job: Job) -> str:
    return f"{_ROOT}/tasks/{quote(job.upstream_id or '', safe='')}"

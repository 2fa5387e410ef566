"""Kling: videos and pictures, by the older API (`model_name` in the body) and the newer one (the model in the path).

https://app.klingai.com/global/dev/document-api; read 2026-11-20. A credential is an API key, which both know, or a pair of
access key and secret key, which only the older one knows.
"""

from dataclasses import replace
from datetime import datetime

from app.adapters._kling_errors import NO_SUCH_THING, code_of, error_of
from app.adapters._kling_images import image_body
from app.adapters._kling_jwt import signed_token
from app.adapters._kling_newer_videos import newer_video_body
from app.adapters._kling_replies import data_of, external_id, required_id, status_word, task_id, task_snapshot, tasks_in
from app.adapters._kling_routes import TEXT, create_path, is_legacy, lookup_call, status_call
from app.adapters._kling_videos import video_body
from app.adapters.base import Adapter, Call, Reply, status_of
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UnknownStatus, UpstreamError, UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.json import Json, JsonObject
from app.domain.media import Role
from app.domain.requests import ImageRequest, Mode

_CREATE_SECONDS = 120.0  # a body may hold several pictures of 10 MB


class Kling(Adapter):
    """Accounts belong to one region: Singapore serves the world, https://api-beijing.klingai.com mainland China.

    Every create carries our job's id as `external_task_id`, which is unique per account: a lost answer is looked up by it.
    """

    name = "kling"
    default_base_url = "https://api-singapore.klingai.com"
    credential_fields = (frozenset({"api_key"}), frozenset({"access_key", "secret_key"}))
    environment = {"api_key": "KLING_API_KEY", "access_key": "KLING_ACCESS_KEY", "secret_key": "KLING_SECRET_KEY"}
    takes_callback = True
    statuses = {
        "submitted": JobStatus.QUEUED,
        "processing": JobStatus.IN_PROGRESS,
        "succeed": JobStatus.COMPLETED,  # the older API's word
        "succeeded": JobStatus.COMPLETED,  # the newer one's
        "failed": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        return super().base_url(given.strip()).removesuffix("/v1")

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        token = credential.text("api_key")
        if not token:
            token = signed_token(credential.text("access_key"), credential.text("secret_key"), now)
        return call.with_headers(Authorization=f"Bearer {token}")

    def build_request(self, job: Job) -> Call:
        path = create_path(job)
        return Call(method="POST", path=path, json=self._body(job, path), timeout=_CREATE_SECONDS)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        task = next(iter(tasks_in(data_of(job, reply))), {})
        required_id(task, reply)
        return self._made(job, task)

    def build_status(self, job: Job) -> Call:
        return status_call(job)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot:
        data = data_of(job, reply)
        task = _own(job, data)
        if task is None:
            raise _missing(data, reply)
        return task_snapshot(job, task, status_of(self, status_word(task)))

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def build_lookup(self, job: Job) -> Call:
        return lookup_call(job)

    def parse_lookup(self, job: Job, reply: Reply) -> Snapshot | None:
        """None for "no such thing" and for a list without it; an answer about something else is no answer."""
        if code_of(reply) == NO_SUCH_THING:
            return None
        data = data_of(job, reply)
        found = tasks_in(data)
        if not found and isinstance(data, list):
            return None
        task = next((one for one in found if external_id(one) in (job.id, None) and task_id(one) is not None), None)
        if task is None:
            raise UpstreamUnreadable("Kling answered about another task.", status=reply.status, body=reply.excerpt())
        return self._made(job, task)

    def build_test(self, channel: Channel) -> Call:
        """The shortest list of tasks: the account's own figures would need a span of time."""
        return Call(path=TEXT, query=(("pageNum", "1"), ("pageSize", "1")), timeout=15)

    def _made(self, job: Job, task: JsonObject) -> Snapshot:
        """A task that was just made or found again; an unknown word counts as queued."""
        try:
            status = status_of(self, status_word(task))
        except UnknownStatus:
            status = JobStatus.QUEUED
        snapshot = task_snapshot(job, task, status)
        return replace(snapshot, facts={**snapshot.facts, "path": create_path(job), **_maker(job)})

    def _body(self, job: Job, path: str) -> dict[str, Json]:
        request = job.request
        if isinstance(request, ImageRequest):
            return image_body(job, request, path)
        write = video_body if is_legacy(path) else newer_video_body
        return write(job, request, path, self._card(job))

    def _card(self, job: Job) -> ModelCard | None:
        """What the data file knows of the upstream model; None for models to come."""
        return catalogue(self.name).find(job.upstream_model, job.request.op)


def _own(job: Job, data: Json) -> JsonObject | None:
    """The task that was asked about; an object without an id is taken at its word."""
    return next((task for task in tasks_in(data) if task_id(task) in (job.upstream_id, None)), None)


def _missing(data: Json, reply: Reply) -> UpstreamError:
    if isinstance(data, list):
        return UpstreamRefused("The vendor does not know this task.", fault=Fault.NOT_FOUND, status=reply.status)
    return UpstreamUnreadable("Kling answered about another task.", status=reply.status, body=reply.excerpt())


def _maker(job: Job) -> dict[str, str]:
    """Which model made the video: it decides whether it can be extended. An extension is made by its source's model."""
    if job.op != "video":
        return {}
    if job.request.mode is not Mode.EXTEND:
        return {"model": job.upstream_model}
    source = job.request.first(Role.SOURCE_VIDEO)
    made = source.origin.facts.get("model") if source and source.origin else None
    return {"model": made} if made else {}

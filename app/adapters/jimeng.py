"""Jimeng on Volcengine's visual API: films and pictures as tasks, some older pictures in one call.

https://www.volcengine.com/docs/85621/1792707 (facts as of 2026-11-20). There is one address; the query says what is to be done,
and every call is signed over its host and its exact bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.adapters._fields import dig, table, text
from app.adapters._jimeng_bodies import image_body, status_body, video_body
from app.adapters._jimeng_errors import SUCCESS, code_of, error_of, verdict_of
from app.adapters._jimeng_models import chosen_key, honours
from app.adapters._jimeng_replies import outputs_of, usage_of
from app.adapters._volc_signing import Keys, Service, Unsigned, signed_headers
from app.adapters.base import Adapter, Call, Reply, status_of
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UpstreamError, UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Failure, Job, JobStatus, Snapshot
from app.domain.json import JsonObject
from app.domain.requests import ImageRequest

_VERSION = "2022-08-31"
_SUBMIT, _RESULT, _AT_ONCE = "CVSync2AsyncSubmitTask", "CVSync2AsyncGetResult", "CVProcess"
_SERVICE = Service("cn-north-1", "cv")
_JSON = "application/json"
_CREATE_SECONDS = 120.0  # a body may hold two pictures as base64
_STATUS_SECONDS = 60.0  # an answer may hold pictures, though we ask for links
_MISSING_AT_FIRST = 20  # "not found" this often is no news yet: a new task may take half a minute to be visible


class Jimeng(Adapter):
    """The vendor finds a task only under the `req_key` that made it, so that is kept with the job.

    There is no `build_lookup`: the vendor lists no tasks. There is no `build_cancel`: its cancel call is documented for other
    models than these.
    """

    name = "jimeng"
    default_base_url = "https://visual.volcengineapi.com"
    credential_fields = (frozenset({"access_key", "secret_key"}),)
    optional_credential_fields = frozenset({"session_token"})
    environment = {"access_key": "VOLC_ACCESS_KEY", "secret_key": "VOLC_SECRET_KEY"}
    takes_callback = True
    statuses = {
        "in_queue": JobStatus.QUEUED,
        "generating": JobStatus.IN_PROGRESS,
        "done": JobStatus.COMPLETED,
        "expired": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        return super().base_url(given.strip().partition("?")[0])

    def build_request(self, job: Job) -> Call:
        request, req_key = job.request, chosen_key(job)
        if isinstance(request, ImageRequest):
            action = _AT_ONCE if honours(req_key, "at_once") else _SUBMIT
            return _call(action, image_body(job, request, req_key), _CREATE_SECONDS)
        return _call(_SUBMIT, video_body(request, req_key), _CREATE_SECONDS)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        if code_of(reply) != SUCCESS:
            raise error_of(job, reply)
        req_key, data = chosen_key(job), table(reply.object().get("data"))
        if honours(req_key, "at_once"):
            outputs = outputs_of(data, job.request)
            if not outputs:
                raise UpstreamUnreadable("Jimeng answered without a picture.", status=reply.status, body=reply.excerpt())
            return Snapshot(JobStatus.COMPLETED, outputs=outputs, usage=usage_of(job.request, outputs))
        upstream_id = text(data.get("task_id"))
        if upstream_id is None:
            raise UpstreamUnreadable("Jimeng took the task and gave no id.", status=reply.status, body=reply.excerpt())
        return Snapshot(JobStatus.QUEUED, upstream_id=upstream_id, facts={"req_key": req_key})

    def build_status(self, job: Job) -> Call:
        return _call(_RESULT, status_body(job, job.facts.get("req_key") or chosen_key(job)), _STATUS_SECONDS)

    def reads_status(self, reply: Reply) -> bool:
        return reply.ok or verdict_of(reply) is not None

    def parse_status(self, job: Job, reply: Reply) -> Snapshot:
        failure = verdict_of(reply)
        if failure is not None:
            return Snapshot(JobStatus.FAILED, failure=failure)
        if code_of(reply) != SUCCESS:
            raise error_of(job, reply)
        data = table(reply.object().get("data"))
        if text(data.get("status")) == "not_found":
            return _not_found(job, reply)
        status = status_of(self, data.get("status"))
        if status is JobStatus.FAILED:
            late = Failure("expired", "The vendor gave the task up; ask again.", text(data.get("status")))
            return Snapshot(status, failure=late)
        outputs = outputs_of(data, job.request) if status is JobStatus.COMPLETED else ()
        return Snapshot(status, outputs=outputs, usage=usage_of(job.request, outputs))

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        """Nothing yet: the signature needs the address too."""
        return call

    def sign(self, call: Call, base_url: str, credential: Credential, now: datetime) -> Call:
        """The call as exact bytes with their signature; links of results carry one of their own."""
        if call.json is None:
            return call
        body = json.dumps(call.json, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()
        unsigned = Unsigned(call.method, base_url.rstrip("/") + call.path, call.query, _JSON, body)
        keys = Keys(credential.text("access_key"), credential.text("secret_key"), credential.text("session_token"))
        headers = signed_headers(unsigned, _SERVICE, keys, now)
        return replace(call, json=None, raw=body, headers={**call.headers, **headers})

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def build_test(self, channel: Channel) -> Call:
        """A question about a task that nobody has: the signature must be right, and nothing is made."""
        return _call(_RESULT, {"req_key": "jimeng_t2v_v30", "task_id": "0"}, 15.0)


def _call(action: str, body: JsonObject, timeout: float) -> Call:
    return Call(method="POST", path="/", query=(("Action", action), ("Version", _VERSION)), json=body, timeout=timeout)


def _not_found(job: Job, reply: Reply) -> Snapshot:
    """No news of a task that was never seen running, for a while; else it is gone."""
    times = int(job.facts.get("not_found", "0")) + 1
    if job.status is JobStatus.QUEUED and times <= _MISSING_AT_FIRST:
        return Snapshot(JobStatus.QUEUED, facts={"not_found": str(times)})
    raise UpstreamRefused(
        "Jimeng does not know this task.",
        fault=Fault.NOT_FOUND,
        status=reply.status,
        upstream_code="not_found",
        request_id=text(dig(reply.json, "request_id")),
    )


def _plain(value: object) -> object:
    """What the request holds of mappings and lists that are not the plain ones."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

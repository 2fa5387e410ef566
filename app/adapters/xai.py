"""xAI: Grok Imagine videos as requests that are polled, pictures at once.

https://docs.x.ai (read 2026-11-20). Only the REST surface; the official SDK speaks gRPC, of which it is the twin.
"""

from datetime import datetime
from urllib.parse import quote

from app.adapters._xai_bodies import image_body, image_path, video_body, video_path
from app.adapters._xai_errors import error_of, is_moderated
from app.adapters._xai_replies import image_snapshot, polled_snapshot, submitted_snapshot
from app.adapters.base import Adapter, Call, Reply
from app.domain.channels import Channel, Credential
from app.domain.errors import UpstreamError
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.requests import ImageRequest

_CREATE_SECONDS = 120.0  # pictures and clips may stand in the body
_IMAGE_SECONDS = 300.0


class Xai(Adapter):
    """There is neither a list of requests nor an id of ours in a create: a lost answer stays unknown."""

    name = "xai"
    default_base_url = "https://api.x.ai"
    environment = {"api_key": "XAI_API_KEY"}
    statuses = {
        "pending": JobStatus.QUEUED,  # in progress as soon as there is progress
        "done": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "expired": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        return super().base_url(given.strip()).removesuffix("/v1")

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        """Result links are open to everybody and get no key, wherever they lie."""
        return call if "://" in call.path else super().authorize(call, credential, now)

    def build_request(self, job: Job) -> Call:
        request = job.request
        if isinstance(request, ImageRequest):
            return Call(method="POST", path=image_path(request), json=image_body(job, request), timeout=_IMAGE_SECONDS)
        return Call(method="POST", path=video_path(request), json=video_body(job, request), timeout=_CREATE_SECONDS)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        return image_snapshot(job, reply) if isinstance(job.request, ImageRequest) else submitted_snapshot(job, reply)

    def build_status(self, job: Job) -> Call:
        return Call(path=f"/v1/videos/{quote(job.upstream_id or '', safe='')}", timeout=30)

    def reads_status(self, reply: Reply) -> bool:
        """A video that moderation withheld is reported as HTTP 400; it is the job's end, not a bad question."""
        return reply.ok or is_moderated(reply)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot:
        return polled_snapshot(self, job, reply)

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def build_test(self, channel: Channel) -> Call:
        return Call(path="/v1/models", timeout=15)

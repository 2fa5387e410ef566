"""MiniMax: Hailuo and H3 videos, image-01 and H3 pictures.

https://platform.minimax.io/docs/api-reference/video-generation-intro (read 2026-11-20). China's site is the same protocol at
https://api.minimaxi.com; a credential is good on one of the two sites only. Channel setting:

    group_id         the account's number, which very old credentials need as `?GroupId=` (also under that name)
"""

from dataclasses import replace
from urllib.parse import quote

from app.adapters._fields import text
from app.adapters._minimax_errors import error_of
from app.adapters._minimax_images import openai_image_call, picture_body, read_openai_pictures, read_pictures
from app.adapters._minimax_models import Api, api_of
from app.adapters._minimax_replies import accepted, film_answer, film_file, task_snapshot
from app.adapters._minimax_videos import content_body, film_body
from app.adapters._openai_images import image_event, streamed
from app.adapters.base import Adapter, Call, Reply, StreamEvent
from app.adapters.registry import catalogue
from app.domain.channels import Channel
from app.domain.errors import UpstreamError
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.json import JsonObject
from app.domain.requests import ImageRequest

_FILM_CREATE, _FILM_QUERY, _FILE = "/v1/video_generation", "/v1/query/video_generation", "/v1/files/retrieve"
_TASK_CREATE, _TASK_QUERY = "/v2/video_generation", "/v2/query/video_generation"
_PICTURES = "/v1/image_generation"
_CREATE_SECONDS = 120.0  # a body may hold 64 MB
_PICTURE_SECONDS = 300.0  # up to nine pictures in one answer
_QUERY_SECONDS = 30.0


class MiniMax(Adapter):
    """Hailuo films end in a file that is asked for by its id; H3's tasks carry their link; pictures are answered at once.

    There is no `build_lookup`: a create carries no id of ours. No callback is handed over: the vendor first sends a riddle that
    has to be answered within three seconds, and asking costs nothing.
    """

    name = "minimax"
    default_base_url = "https://api.minimax.io"
    environment = {"api_key": "MINIMAX_API_KEY"}
    renews_links = True
    statuses = {
        "preparing": JobStatus.QUEUED,
        "queueing": JobStatus.QUEUED,
        "queued": JobStatus.QUEUED,
        "processing": JobStatus.IN_PROGRESS,
        "running": JobStatus.IN_PROGRESS,
        "success": JobStatus.COMPLETED,
        "succeeded": JobStatus.COMPLETED,
        "fail": JobStatus.FAILED,
        "failed": JobStatus.FAILED,
        "cancelled": JobStatus.FAILED,
    }

    def base_url(self, given: str) -> str:
        return super().base_url(given.strip()).removesuffix("/v1").removesuffix("/v2")

    def build_request(self, job: Job) -> Call:
        return _grouped(self._create(job), job.settings)

    def _create(self, job: Job) -> Call:
        request, api = job.request, api_of(job)
        if isinstance(request, ImageRequest):
            if api is Api.OPENAI:
                return openai_image_call(job, request)
            body = picture_body(job, request, catalogue(self.name).find(job.upstream_model, "image"))
            return Call(method="POST", path=_PICTURES, json=body, timeout=_PICTURE_SECONDS)
        if api is Api.CONTENT:
            return Call(method="POST", path=_TASK_CREATE, json=content_body(job, request), timeout=_CREATE_SECONDS)
        return Call(method="POST", path=_FILM_CREATE, json=film_body(job, request), timeout=_CREATE_SECONDS)

    def build_stream(self, job: Job) -> Call | None:
        if not isinstance(job.request, ImageRequest) or api_of(job) is not Api.OPENAI:
            return None
        return streamed(self.build_request(job), job.request)

    def parse_event(self, job: Job, event: JsonObject) -> StreamEvent | None:
        return image_event(job, event)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        if not isinstance(job.request, ImageRequest):
            return accepted(job, reply)
        if api_of(job) is Api.OPENAI:
            return read_openai_pictures(job, reply)
        return read_pictures(job, job.request, reply)

    def build_status(self, job: Job) -> Call:
        if api_of(job) is Api.CONTENT:
            call = Call(path=f"{_TASK_QUERY}/{_quoted(job)}", timeout=_QUERY_SECONDS)
        else:
            call = Call(path=_FILM_QUERY, query=(("task_id", job.upstream_id or ""),), timeout=_QUERY_SECONDS)
        return _grouped(call, job.settings)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot | Call:
        if api_of(job) is Api.CONTENT:
            return task_snapshot(self, job, reply)
        answer = film_answer(self, job, reply)
        if isinstance(answer, Snapshot):
            return answer
        return _grouped(Call(path=_FILE, query=(("file_id", answer),), timeout=_QUERY_SECONDS), job.settings)

    def parse_result(self, job: Job, reply: Reply) -> Snapshot:
        return film_file(reply)

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def build_cancel(self, job: Job) -> Call | None:
        """H3 only, and only while the task is queued; the vendor refuses it for a running one."""
        if isinstance(job.request, ImageRequest) or api_of(job) is not Api.CONTENT:
            return None
        return _grouped(Call(method="DELETE", path=f"{_TASK_CREATE}/{_quoted(job)}", timeout=_QUERY_SECONDS), job.settings)

    def build_test(self, channel: Channel) -> Call:
        """The one free call that answers a bad credential with an HTTP status."""
        return _grouped(Call(path=_TASK_QUERY, query=(("page_num", "1"), ("page_size", "1")), timeout=15), channel.settings)


def _quoted(job: Job) -> str:
    return quote(job.upstream_id or "", safe="")


def _grouped(call: Call, settings: JsonObject) -> Call:
    group = text(settings.get("group_id")) or text(settings.get("GroupId"))
    return call if group is None else replace(call, query=(*call.query, ("GroupId", group)))

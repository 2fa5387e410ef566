"""OpenAI, and everything that speaks its image and video API: self-hosted servers (vLLM-Omni, SGLang), Filmgate itself.

https://platform.openai.com/docs/api-reference (read 2026-11-20). OpenAI's own video service ended on 2026-09-24, its shape
lives on in compatible servers. Channel settings, the first word is the default:

    path_prefix      "/v1"                              what stands before /images, /videos, /models
    size_sep         "x" | "*"
    image_edits      "auto" | "multipart" | "json" | "generations"   auto: multipart when all pictures are files, else JSON;
                                                        generations: `image` in the JSON of /images/generations
    response_format  (as the client asks) | "b64_json" | "url" | "omit"
    stream           true | false                       whether pictures can be streamed
    video_body       "auto" | "json" | "multipart"      auto: multipart when there is a file
    input_reference  "auto" | "file" | "object" | "url" | "data_uri"   auto, file: a file as a part, a link as {"image_url"};
                                                        object: always that; url, data_uri: a plain string (a link stays one)
    seconds_type     "string" | "number"
    status_aliases   {"their word": "queued" | "in_progress" | "completed" | "failed"}
    content          "url" | "endpoint"                 whether result links in answers are used, or only /videos/{id}/content
    cancel           "none" | "post" | "delete"         POST /videos/{id}/cancel (Filmgate), DELETE /videos/{id} (vLLM-Omni)
"""

from collections.abc import Mapping
from typing import ClassVar

from app.adapters._openai_answers import STATUSES, is_job, read_created, read_polled
from app.adapters._openai_errors import read_error
from app.adapters._openai_form import choice, prefix
from app.adapters._openai_images import image_call, image_event, read_images, streamed
from app.adapters._openai_videos import video_call, video_path
from app.adapters.base import Adapter, Call, Reply, StreamEvent
from app.domain.channels import Channel
from app.domain.errors import UpstreamError
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.json import JsonObject
from app.domain.requests import ImageRequest


class OpenAI(Adapter):
    """Pictures are answered at once, videos are polled."""

    name = "openai"
    statuses: ClassVar[Mapping[str, JobStatus]] = STATUSES
    environment: ClassVar[Mapping[str, str]] = {"api_key": "OPENAI_API_KEY"}
    default_base_url = "https://api.openai.com"
    open_catalogue = True

    def base_url(self, given: str) -> str:
        return super().base_url(given).removesuffix("/v1")

    def build_request(self, job: Job) -> Call:
        if isinstance(job.request, ImageRequest):
            return image_call(job, job.request)
        return video_call(job, job.request)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        if isinstance(job.request, ImageRequest):
            return read_images(job, reply)
        return read_created(self, job, reply)

    def build_status(self, job: Job) -> Call:
        return Call(path=video_path(job))

    def reads_status(self, reply: Reply) -> bool:
        return reply.ok or is_job(reply)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot | Call:
        return read_polled(self, job, reply)

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return read_error(job, reply)

    def build_cancel(self, job: Job) -> Call | None:
        way = choice(job.settings, "cancel", "none", "post", "delete")
        if way == "post":
            return Call(method="POST", path=video_path(job, "/cancel"))
        return Call(method="DELETE", path=video_path(job)) if way == "delete" else None

    def build_test(self, channel: Channel) -> Call | None:
        return Call(path=f"{prefix(channel.settings)}/models")

    def parse_event(self, job: Job, event: JsonObject) -> StreamEvent | None:
        return image_event(job, event)

    def build_stream(self, job: Job) -> Call | None:
        if not isinstance(job.request, ImageRequest) or job.settings.get("stream") is False:
            return None
        return streamed(image_call(job, job.request), job.request)

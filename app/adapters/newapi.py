"""new-api, one-api style relays and everything else that reads their video dialect; Filmgate behind Filmgate too.

https://docs.newapi.pro and the source of QuantumNous/new-api (read 2026-11-20). Pictures go as in `openai`. Channel settings
as in `openai` where they concern answers and pictures, and

    route            "videos" | "generations"           POST and GET at /v1/videos, or at /v1/video/generations

Answers are read in any dress, wrapped or flat, on either route.
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from app.adapters._newapi_body import video_body
from app.adapters._openai_form import choice, prefix
from app.adapters._openai_images import image_call, streamed
from app.adapters._openai_videos import remix_call, said
from app.adapters.base import Call
from app.adapters.openai import OpenAI
from app.domain.jobs import Job
from app.domain.requests import ImageRequest, Mode

_PATIENCE = 120.0  # seconds; a relay answers when its own vendor has


class NewApi(OpenAI):
    """Pictures are answered at once, videos are polled."""

    name = "newapi"
    environment: ClassVar[Mapping[str, str]] = {"api_key": "NEWAPI_API_KEY"}
    default_base_url = ""

    def build_request(self, job: Job) -> Call:
        request = job.request
        if isinstance(request, ImageRequest):
            return image_call(job, request, links_go="generations")
        body = video_body(job, request)
        if request.mode is Mode.REMIX:
            ours = ("function_mode", "video_id")
            kept = {name: value for name, value in said(job, request, body).items() if name not in ours}
            return remix_call(f"{prefix(job.settings)}/videos", request, kept)
        return Call(method="POST", path=_route(job), json=body, timeout=_PATIENCE)

    def build_status(self, job: Job) -> Call:
        return Call(path=f"{_route(job)}/{quote(job.upstream_id or '', safe='')}")

    def build_stream(self, job: Job) -> Call | None:
        if not isinstance(job.request, ImageRequest) or job.settings.get("stream") is False:
            return None
        return streamed(self.build_request(job), job.request)


def _route(job: Job) -> str:
    route = choice(job.settings, "route", "videos", "generations")
    return prefix(job.settings) + ("/videos" if route == "videos" else "/video/generations")

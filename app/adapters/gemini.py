"""The Gemini API: Omni videos, Gemini and Imagen pictures, and Veo as relays still speak it.

https://ai.google.dev/gemini-api/docs (read 2026-11-20). Google itself retired Veo here on 2026-10-22. Channel settings, the
first word is the default:

    auth          "key" | "bearer"                   x-goog-api-key, or Authorization: Bearer for relays that want it
    video_api     (by the model's name) | "operations" | "interactions"
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from app.adapters._google_adapter import Google, speaks_operations
from app.adapters.base import Call
from app.domain.channels import Channel, Credential
from app.domain.jobs import Job, Output
from app.domain.json import Json

_VERSION = "/v1beta"  # the newest client asks /v1, every page says /v1beta
_PLACE = "Authorization"  # stands empty on a call that shall carry the credential as a bearer


class Gemini(Google):
    """Google's API for developers, with an API key."""

    name = "gemini"
    default_base_url = "https://generativelanguage.googleapis.com"
    environment = {"api_key": "GEMINI_API_KEY"}
    vertex = False
    models_path = f"{_VERSION}/models"
    interactions_path = f"{_VERSION}/interactions"

    def base_url(self, given: str) -> str:
        return super().base_url(given.strip()).removesuffix(_VERSION).removesuffix("/v1")

    def build_request(self, job: Job) -> Call:
        return replace(super().build_request(job), headers=self.extra_headers(job))

    def build_status(self, job: Job) -> Call:
        if not speaks_operations(job):
            return super().build_status(job)
        name = (job.upstream_id or "").strip("/").removeprefix("v1beta/")
        steps = [quote(step, safe=":") for step in name.split("/") if step not in ("", ".", "..")]
        return Call(path=f"{_VERSION}/{'/'.join(steps)}", headers=self.extra_headers(job))

    def build_download(self, job: Job, output: Output) -> Call:
        return Call(path=output.url or "", headers=self.extra_headers(job))

    def build_test(self, channel: Channel) -> Call:
        return Call(path=self.models_path, query=(("pageSize", "1"),), headers=_headers(channel.settings), timeout=15)

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        key = credential.text("api_key")
        if _PLACE in call.headers:
            return call.with_headers(Authorization=f"Bearer {key}")
        return call.with_headers(x_goog_api_key=key)

    def extra_headers(self, job: Job) -> dict[str, str]:
        return _headers(job.settings)


def _headers(settings: Mapping[str, Json]) -> dict[str, str]:
    return {_PLACE: ""} if settings.get("auth") == "bearer" else {}

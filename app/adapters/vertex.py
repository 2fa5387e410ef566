"""Vertex AI (Agent Platform): Veo and Imagen, Omni and Gemini's pictures, for a service account or an API key.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/veo-video-generation (read 2026-11-20).
The project is the credential's `project`, else the service account's own; `location` is for Veo and Imagen ("us-central1"),
the other models live in `global` alone. Without a base URL each call goes to its location's host. A bare `api_key` reaches what
express mode has, which is pictures. Channel settings:

    storage_uri           "gs://bucket/folder/"     results are written there; without it they come inline
    client_buckets        ["gs://bucket/folder/"]   where clients may name inputs; without it their gs:// links are refused,
                                                    because the vendor reads them with the operator's account
    largest_resolution    "1080p"                   asks that in place of 4k, which Google's pages contradict each other about
    video_api             "operations" | "interactions", by default as the model's name says
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from app.adapters._fields import items
from app.adapters._google_adapter import Google, speaks_operations
from app.adapters._google_media import object_download
from app.adapters._google_oauth import read_token, token_call
from app.adapters.base import Call, Reply, Token
from app.domain.channels import Channel, Credential
from app.domain.errors import InputRefused
from app.domain.jobs import Job, Output
from app.domain.json import Json

_HOST = "aiplatform.googleapis.com"
_STORAGE = "https://storage.googleapis.com"
_REGION = "us-central1"
_REGIONAL = ("veo", "imagen")
_HOMELESS = re.compile(r"/(v1|v1beta1)/((?:publishers/google/models/([^/:]+):\w+|interactions(?:/.*)?))", re.DOTALL)
_PLACED = re.compile(r"/v1(?:beta1)?/projects/[^/]+/locations/([a-z0-9-]+)/")
_OPERATION = re.compile(r"(projects/[\w.:-]+/locations/[\w-]+/publishers/google/models/[\w.@-]+)/operations/[\w-]+")


class Vertex(Google):
    """Google Cloud's deployment."""

    name = "vertex"
    default_base_url = f"https://{_HOST}"
    credential_fields = (frozenset({"service_account"}), frozenset({"api_key"}))
    optional_credential_fields = frozenset({"project", "location"})
    vertex = True
    models_path = "/v1/publishers/google/models"
    interactions_path = "/v1beta1/interactions"

    def base_url(self, given: str) -> str:
        return super().base_url(given.strip()).removesuffix("/v1beta1").removesuffix("/v1")

    def build_request(self, job: Job) -> Call:
        for item in job.request.media:
            if item.src.startswith("gs://") and not _allowed(item.src, job.settings.get("client_buckets")):
                message = "This channel opens no Cloud Storage bucket to its clients; give a web link or the file itself."
                raise InputRefused(message, param=item.param or None, code="unsupported_input")
        return super().build_request(job)

    def build_status(self, job: Job) -> Call:
        """A question about an operation is a POST; the operation's own name says where it runs."""
        if not speaks_operations(job):
            return super().build_status(job)
        name = job.upstream_id or ""
        placed = _OPERATION.fullmatch(name)
        path = f"/v1/{placed[1]}" if placed else f"{self.models_path}/{quote(job.upstream_model, safe='')}"
        return Call(method="POST", path=f"{path}:fetchPredictOperation", json={"operationName": name}, timeout=120)

    def build_download(self, job: Job, output: Output) -> Call:
        return object_download(output.url or "") or super().build_download(job, output)

    def build_test(self, channel: Channel) -> Call:
        return Call(path="/v1beta1/publishers/google/models", query=(("pageSize", "1"),), timeout=15)

    def build_token(self, credential: Credential, now: datetime) -> Call | None:
        account = credential.fields.get("service_account")
        return token_call(account, now) if isinstance(account, Mapping) else None

    def parse_token(self, reply: Reply) -> Token:
        return read_token(reply)

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        """The credential on the call, and its project and location in the path, which only it knows."""
        call = replace(call, path=_at_home(call.path, credential))
        token = credential.text("access_token")
        return (
            call.with_headers(Authorization=f"Bearer {token}")
            if token
            else call.with_headers(x_goog_api_key=credential.text("api_key"))
        )

    def address(self, call: Call, base_url: str) -> Call:
        """Google spreads this API over a host for each location, and keeps results on another; a relay has them all."""
        if base_url != self.default_base_url or not call.path.startswith("/"):
            return call
        if call.path.startswith("/storage/"):
            return replace(call, path=_STORAGE + call.path)
        placed = _PLACED.match(call.path)
        if placed is None or placed[1] == "global":
            return call
        return replace(call, path=f"https://{placed[1]}-{_HOST}{call.path}")


def _allowed(link: str, folders: Json) -> bool:
    """Whether the link lies in one of the operator's folders; `gs://films` is not the beginning of `gs://films-of-others/a`."""
    return any(isinstance(folder, str) and link.startswith(folder.rstrip("/") + "/") for folder in items(folders))


def _at_home(path: str, credential: Credential) -> str:
    """The path under the credential's project; express mode has none."""
    account = credential.fields.get("service_account")
    own = account.get("project_id") if isinstance(account, Mapping) else None
    project = credential.text("project") or (own if isinstance(own, str) else "")
    found = _HOMELESS.fullmatch(path)
    if not project or found is None:
        return path
    regional = (found[3] or "").lower().startswith(_REGIONAL)
    location = (credential.text("location") or _REGION) if regional else "global"
    return f"/{found[1]}/projects/{quote(project, safe=':')}/locations/{quote(location, safe='')}/{found[2]}"

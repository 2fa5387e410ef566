"""Which of Kling's endpoints makes a job, and where it is asked about afterwards."""

import re
from urllib.parse import quote

from app.adapters.base import Call
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Role
from app.domain.requests import ImageRequest, Mode, Request

TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
SUBJECTS = "/v1/videos/multi-image2video"
OMNI = "/v1/videos/omni-video"
EXTEND = "/v1/videos/video-extend"
PICTURES = "/v1/images/generations"
OMNI_PICTURES = "/v1/images/omni-image"
COMPOSED_PICTURES = "/v1/images/multi-image2image"
_TASKS = "/tasks"  # of the newer generation, whatever made them
_LEGACY = "/v1/"

# the vendor's own rule: a version number in the path is the newer generation, `kling-v…` and the like are `model_name`s
_PATH_STYLE = re.compile(r"kling-o?\d")
_OMNI = re.compile(r"-(?:omni|o\d+)(?![a-z0-9])")
_SECONDS = 30.0


def create_path(job: Job) -> str:
    """The path of the create call: follows from the model, the mode and the inputs."""
    request, model = job.request, job.upstream_model
    if isinstance(request, ImageRequest):
        return _picture_path(request, model)
    if request.mode is Mode.EXTEND:
        return EXTEND
    if _PATH_STYLE.match(model):
        return f"/{_newer_endpoint(request, model)}/{quote(model, safe='')}"
    return _video_path(request, model)


def status_call(job: Job) -> Call:
    """Asks by the vendor's id. The older generation only knows a job under the path that made it."""
    return _question(job, job.upstream_id or "", "task_ids")


def lookup_call(job: Job) -> Call:
    """Asks by our own id, which every create carries."""
    return _question(job, job.id, "external_task_ids")


def is_legacy(path: str) -> bool:
    """Whether this is a path of the older generation."""
    return path.startswith(_LEGACY)


def composes(request: Request) -> bool:
    """Whether a picture is put together from several: subjects, a scene, a style."""
    parts: list[Json] = [request.vendor.get("scene_image"), request.vendor.get("style_image")]
    return len(request.by_role(Role.IMAGE)) > 1 or any(parts)


def _question(job: Job, identifier: str, parameter: str) -> Call:
    path = job.facts.get("path") or create_path(job)
    if is_legacy(path):
        return Call(path=f"{path}/{quote(identifier, safe='')}", timeout=_SECONDS)
    return Call(path=_TASKS, query=((parameter, identifier),), timeout=_SECONDS)


def _picture_path(request: ImageRequest, model: str) -> str:
    if _OMNI.search(model):
        return OMNI_PICTURES
    return COMPOSED_PICTURES if composes(request) else PICTURES


def _video_path(request: Request, model: str) -> str:
    if _OMNI.search(model) or request.mode is Mode.EDIT:
        return OMNI
    if request.mode is Mode.R2V:
        return SUBJECTS
    return TEXT if request.mode is Mode.T2V else IMAGE


def _newer_endpoint(request: Request, model: str) -> str:
    if _OMNI.search(model) or request.mode in (Mode.EDIT, Mode.R2V):
        return "omni-video"
    return "text-to-video" if request.mode is Mode.T2V else "image-to-video"

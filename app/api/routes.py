"""The client API as one table, in the order in which paths are matched."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from fastapi import FastAPI
from starlette.responses import Response

from app.api import callbacks, events, files, health, image_jobs, images, models, usage, video_generations, videos, webhooks
from app.api.lean_route import LeanRoute
from app.api.native import ark, ark_images, jimeng, kling
from app.api.native import schemas as native_schemas
from app.api.openapi import answers, binary
from app.api.request_schemas import BODIES
from app.domain.json import Json


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation; `body` names a request schema, `responses` are the documented answers. A GET of a file has its HEAD too."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    serve: Callable[..., Awaitable[Response]]
    tag: str
    responses: dict[str, Json] = field(default_factory=dict)
    body: str | None = None
    head: bool = False


_IDEMPOTENCY: dict[str, Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same request gives the first answer again, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_PREFER: dict[str, Json] = {
    "name": "Prefer",
    "in": "header",
    "description": "`respond-async` asks for an answer at once (202); poll `GET /v1/images/{id}` for the pictures.",
    "schema": {"type": "string"},
}
_VIDEO, _FILE = answers("Video"), binary("video/mp4", "image/png")
_ELSEWHERE: dict[str, Json] = {"307": {"description": "The storage hands the file out itself, for a while, at `Location`."}}
_IMAGES = {**answers("Images", streamed=True), "202": answers("ImageJob")["200"]}
_READY = {**answers("Health"), "503": answers("Health", "It takes no work now; `reason` says why.")["200"]}
_EVENTS: dict[str, Json] = {
    "200": {"description": "The events.", "content": {"text/event-stream": {"schema": {}}}},
    "204": {"description": "The last event was seen; there will be no other."},
}
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/v1/images/generations", images.generate_image, "images", _IMAGES, "image"),
    Endpoint("POST", "/v1/images/edits", images.edit_image, "images", _IMAGES, "image edit"),
    Endpoint("GET", "/v1/images/{image_id}", image_jobs.read_image, "images", answers("ImageJob")),
    Endpoint("POST", "/v1/video/generations", video_generations.create_generation, "videos", _VIDEO, "video"),
    Endpoint("GET", "/v1/video/generations/{job_id}", video_generations.read_generation, "videos", answers("Generation")),
    Endpoint("POST", "/v1/videos", videos.create_video, "videos", _VIDEO, "video"),
    Endpoint("GET", "/v1/videos", videos.list_videos, "videos", answers("VideoList")),
    Endpoint("POST", "/v1/videos/edits", videos.edit_video, "videos", _VIDEO, "source"),
    Endpoint("POST", "/v1/videos/extensions", videos.extend_video, "videos", _VIDEO, "source"),
    Endpoint("GET", "/v1/videos/{job_id}", videos.read_video, "videos", _VIDEO),
    Endpoint("DELETE", "/v1/videos/{job_id}", videos.delete_video, "videos", answers("DeletedVideo")),
    Endpoint("POST", "/v1/videos/{job_id}/cancel", videos.cancel_video, "videos", _VIDEO),
    Endpoint("POST", "/v1/videos/{job_id}/remix", videos.remix_video, "videos", _VIDEO, "remix"),
    Endpoint("GET", "/v1/videos/{job_id}/content", videos.read_video_content, "videos", _FILE, head=True),
    Endpoint("GET", "/v1/videos/{job_id}/events", events.read_video_events, "videos", _EVENTS),
    Endpoint("GET", "/v1/models", models.list_models, "models", answers("ModelList")),
    Endpoint("GET", "/v1/models/{model:path}/capabilities", models.read_capabilities, "models", answers("Capabilities")),
    Endpoint("GET", "/v1/models/{model:path}", models.read_model, "models", answers("Model")),
    Endpoint("GET", "/v1/usage", usage.read_usage, "usage", answers("KeyUsage")),
    Endpoint("POST", "/v1/webhook-secret", webhooks.renew_webhook_secret, "webhooks", answers("WebhookSecret")),
    Endpoint("GET", "/files/{token}", files.read_file, "files", {**_FILE, **_ELSEWHERE}, head=True),
    Endpoint("POST", "/callbacks/{token}", callbacks.hear_callback, "files", answers("Received")),
    Endpoint("GET", "/healthz", health.alive, "health", answers("Health"), head=True),
    Endpoint("GET", "/readyz", health.ready, "health", _READY, head=True),
)
_ARK, _ARK_IMAGES = answers("ArkTask"), answers("ArkImages", streamed=True)
_KLING, _JIMENG = ({**answers(name), **native_schemas.refusals("NumberedError")} for name in ("KlingTask", "JimengTask"))
# What clients of vendors' own APIs find here; each wants a key.
NATIVE: tuple[Endpoint, ...] = (
    Endpoint("POST", ark.TASKS, ark.create_ark_task, "ark", answers("ArkTaskId"), "ark task"),
    Endpoint("GET", ark.TASKS, ark.list_ark_tasks, "ark", answers("ArkTaskList")),
    Endpoint("GET", f"{ark.TASKS}/{{job_id}}", ark.read_ark_task, "ark", _ARK),
    Endpoint("DELETE", f"{ark.TASKS}/{{job_id}}", ark.delete_ark_task, "ark", answers("Nothing")),
    Endpoint("POST", ark_images.ENDPOINT, ark_images.generate_ark_images, "ark", _ARK_IMAGES, "ark images"),
    Endpoint("POST", f"{kling.ROOT}/text2video", kling.create_kling_text2video, "kling", _KLING, "kling text"),
    Endpoint("POST", f"{kling.ROOT}/image2video", kling.create_kling_image2video, "kling", _KLING, "kling image"),
    Endpoint("POST", f"{kling.ROOT}/multi-image2video", kling.create_kling_multi_image2video, "kling", _KLING, "kling subjects"),
    Endpoint("POST", f"{kling.ROOT}/omni-video", kling.create_kling_omni_video, "kling", _KLING, "kling omni"),
    Endpoint("POST", f"{kling.ROOT}/video-extend", kling.extend_kling_video, "kling", _KLING, "kling extension"),
    Endpoint("GET", f"{kling.ROOT}/{{action}}/{{task_id}}", kling.read_kling_task, "kling", _KLING),
    Endpoint("POST", jimeng.ENDPOINT, jimeng.serve_jimeng, "jimeng", _JIMENG, "jimeng"),
)
_BODIES = {**BODIES, **native_schemas.BODIES}


def include(app: FastAPI) -> None:
    """Adds every endpoint of the client API to the application."""
    app.router.route_class = LeanRoute
    for endpoint in (*ENDPOINTS, *NATIVE):
        extra: dict[str, Json] = {"responses": endpoint.responses}
        if endpoint.body is not None:
            extra["requestBody"] = _BODIES[endpoint.body]
            extra["parameters"] = [_IDEMPOTENCY, _PREFER] if endpoint.tag == "images" else [_IDEMPOTENCY]
        app.add_api_route(
            endpoint.path,
            endpoint.serve,
            methods=[endpoint.method],
            tags=[endpoint.tag],
            operation_id=endpoint.serve.__name__,
            response_class=Response,
            openapi_extra=extra,
        )
        if endpoint.head:
            app.add_api_route(endpoint.path, endpoint.serve, methods=["HEAD"], response_class=Response, include_in_schema=False)

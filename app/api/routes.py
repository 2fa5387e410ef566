"""The client API as one table, in the order in which paths are matched."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from fastapi import FastAPI
from starlette.responses import Response

from app.api import callbacks, files, health, images, models, usage, video_generations, videos
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
_VIDEO, _IMAGES, _FILE = answers("Video"), answers("Images", streamed=True), binary("video/mp4", "image/png")
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/v1/images/generations", images.generate_image, "images", _IMAGES, "image"),
    Endpoint("POST", "/v1/images/edits", images.edit_image, "images", _IMAGES, "image edit"),
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
    Endpoint("GET", "/v1/models", models.list_models, "models", answers("ModelList")),
    Endpoint("GET", "/v1/models/{model:path}/capabilities", models.read_capabilities, "models", answers("Capabilities")),
    Endpoint("GET", "/v1/models/{model:path}", models.read_model, "models", answers("Model")),
    Endpoint("GET", "/v1/usage", usage.read_usage, "usage", answers("KeyUsage")),
    Endpoint("GET", "/files/{token}", files.read_file, "files", _FILE, head=True),
    Endpoint("POST", "/callbacks/{token}", callbacks.hear_callback, "files", answers("Health")),
    Endpoint("GET", "/healthz", health.alive, "health", answers("Health"), head=True),
    Endpoint("GET", "/readyz", health.ready, "health", answers("Health"), head=True),
)


def include(app: FastAPI) -> None:
    """Adds every endpoint of the client API to the application."""
    for endpoint in ENDPOINTS:
        extra: dict[str, Json] = {"responses": endpoint.responses}
        if endpoint.body is not None:
            extra["requestBody"] = BODIES[endpoint.body]
            extra["parameters"] = [_IDEMPOTENCY]
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

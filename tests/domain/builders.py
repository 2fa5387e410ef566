"""Values for tests, with defaults that do not matter."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.channels import Channel
from app.domain.jobs import Job
from app.domain.media import Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, VideoRequest

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def video(**values: Any) -> VideoRequest:
    return VideoRequest(**{"model": "m", "mode": Mode.T2V, "prompt": "a paper boat", **values})


def image(**values: Any) -> ImageRequest:
    return ImageRequest(**{"model": "m", "mode": Mode.T2I, "prompt": "a paper boat", **values})


def picture(role: Role = Role.FIRST_FRAME, param: str = "image", src: str = "https://img.example.com/a.png") -> Media:
    return Media(MediaType.IMAGE, role, src, param=param)


def channel(name: str = "one", **values: Any) -> Channel:
    return Channel(**{"id": f"channel_{name}", "name": name, "adapter": "openai", "base_url": "https://up.example.com", **values})


def job(**values: Any) -> Job:
    request = values.pop("request", video())
    defaults = {
        "id": "task_1",
        "key_id": "key_1",
        "model": request.model,
        "asked": request,
        "request": request,
        "created_at": NOW,
        "updated_at": NOW,
        "deadline_at": NOW + timedelta(hours=1),
    }
    return Job(**{**defaults, **values})

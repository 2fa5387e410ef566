"""A small vendor in OpenAI's shape, whose jobs stand still until a test moves them on."""

import base64
from dataclasses import dataclass, field
from typing import Any

import httpx

# the smallest PNG there is: one transparent pixel
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
CLIP = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(range(256)) * 4
HOST = "vendor.example.com"


@dataclass
class Studio:
    """What the vendor answers; tests set the attributes."""

    status: str = "queued"
    progress: int = 0
    error: dict[str, Any] | None = None
    video: dict[str, Any] = field(default_factory=dict)  # further keys of video answers
    images: dict[str, Any] = field(default_factory=dict)  # further keys of image answers
    pictures: list[dict[str, Any]] = field(default_factory=lambda: [{"b64_json": base64.b64encode(PIXEL).decode()}])
    refusal: httpx.Response | Exception | None = None  # the answer to every POST, if set
    content_status: int = 200
    made: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response | Exception:
        if request.method == "POST" and request.url.path.endswith("/cancel"):
            return httpx.Response(200, json=self._video("video_up_1"))
        if request.method == "POST":
            return self._created(request)
        if request.url.path.endswith("/content"):
            return self._content(request)
        return httpx.Response(200, json=self._video(request.url.path.rpartition("/")[2]))

    def _created(self, request: httpx.Request) -> httpx.Response | Exception:
        if self.refusal is not None:
            return self.refusal
        if "/images/" in request.url.path:
            return httpx.Response(200, json={"created": 1, "data": self.pictures, **self.images})
        self.made += 1
        return httpx.Response(200, json=self._video(f"video_up_{self.made}"))

    def _video(self, identifier: str) -> dict[str, Any]:
        video = {"id": identifier, "object": "video", "status": self.status, "progress": self.progress, "error": self.error}
        return {**video, **self.video}

    def _content(self, request: httpx.Request) -> httpx.Response:
        if self.content_status != 200:
            return httpx.Response(self.content_status, json={"error": {"message": "gone"}})
        wanted = request.headers.get("range", "")
        if not wanted.startswith("bytes="):
            return httpx.Response(200, content=CLIP, headers={"content-type": "video/mp4", "set-cookie": "canary=1"})
        start, _, end = wanted[6:].partition("-")
        part = CLIP[int(start) : int(end) + 1 if end else None]
        span = f"bytes {start}-{int(start) + len(part) - 1}/{len(CLIP)}"
        return httpx.Response(206, content=part, headers={"content-type": "video/mp4", "content-range": span})

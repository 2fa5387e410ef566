"""Jobs in every state, for the dialects."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.domain.capabilities import Price
from app.domain.jobs import Failure, Job, JobStatus, Output, Stage, Usage, Variant
from app.domain.prices import Terms
from app.domain.requests import ImageRequest, Mode, Notice, VideoRequest

NOW = datetime(2026, 3, 1, 12, 0, 0, 750_000, tzinfo=UTC)
SECONDS = timedelta(seconds=1)
EPOCH = 1_772_366_400
TERMS = Terms(price=Price(unit="second", usd={"*": Decimal("0.05")}))


def link(index: int, variant: Variant | None = None) -> str:
    """The link of a result, or of a variant of it."""
    return f"https://gate.example.com/files/{index}" + (f"/{variant}" if variant else "")


def video_request(**values: Any) -> VideoRequest:
    """A request for a video."""
    return VideoRequest(**{"model": "film-1", "mode": Mode.T2V, "prompt": "a paper boat", **values})


def image_request(**values: Any) -> ImageRequest:
    """A request for pictures."""
    return ImageRequest(**{"model": "paint-1", "mode": Mode.T2I, "prompt": "a paper boat", **values})


def queued(asked: VideoRequest | ImageRequest | None = None, **values: Any) -> Job:
    """A job that its vendor has taken."""
    asked = asked or video_request()
    base = {"request": asked, "created_at": NOW, "updated_at": NOW + SECONDS, "deadline_at": NOW + 3600 * SECONDS}
    given = {"id": "task_1", "key_id": "key_1", "model": asked.model, "asked": asked, "number": 812, "upstream_id": "up-77"}
    return Job(**{**base, **given, **values})


def completed(asked: VideoRequest | ImageRequest | None = None, **values: Any) -> Job:
    """A job with a result."""
    ended = {
        "status": JobStatus.COMPLETED,
        "stage": Stage.ENDED,
        "progress": 100,
        "started_at": NOW + 4 * SECONDS,
        "completed_at": NOW + 71 * SECONDS,
        "updated_at": NOW + 71 * SECONDS,
        "outputs": (Output(url="https://vendor.example.com/a.mp4", mime="video/mp4"),),
    }
    return queued(asked, **{**ended, **values})


def failed(**values: Any) -> Job:
    """A job without a result."""
    failure = Failure("generation_failed", "The boat sank in up-77.", "E1")
    return completed(**{"status": JobStatus.FAILED, "progress": 40, "outputs": (), "failure": failure, **values})


def fully_known() -> Job:
    """A completed video of which everything is known."""
    asked = video_request(duration=5, width=480, height=854, resolution="480p", aspect_ratio="9:16", client_task_id="mine")
    return completed(
        asked,
        request=replace(asked, quality="pro"),
        usage=Usage(input_tokens=3, output_tokens=108_900, total_tokens=108_903),
        notices=(Notice("adjusted:fps", "fps", 25, 24),),
        seconds=5.0,
        fps=24,
        seed=7,
        remixed_from="task_0",
        expires_at=NOW + 86_400 * SECONDS,
        terms=TERMS,
        reserved=300_000,
        cost=250_000,
    )

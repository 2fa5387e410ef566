"""Jobs of the Vidu adapter for its tests, as the engine's plan would make them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.adapters.registry import catalogue
from app.adapters.vidu import Vidu
from app.domain.capabilities import ModelCard
from app.domain.fit import fit
from app.domain.jobs import Job
from app.domain.json import JsonObject
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest
from tests.adapters.stories import NOW
from tests.gateways import CHANNEL

ADAPTER = Vidu()
A, B = "https://example.com/a.png", "https://example.com/b.png"
CHANNEL_HERE = replace(CHANNEL, adapter="vidu", base_url="http://fake.example.com")
PLAIN: Mapping[Mode, tuple[tuple[MediaType, Role], ...]] = {
    Mode.T2V: (),
    Mode.I2V: ((MediaType.IMAGE, Role.FIRST_FRAME),),
    Mode.FLF2V: ((MediaType.IMAGE, Role.FIRST_FRAME), (MediaType.IMAGE, Role.LAST_FRAME)),
    Mode.R2V: ((MediaType.IMAGE, Role.REFERENCE_IMAGE),),
    Mode.EXTEND: ((MediaType.VIDEO, Role.SOURCE_VIDEO),),
    Mode.T2I: (),
    Mode.I2I: ((MediaType.IMAGE, Role.IMAGE),),
}


def card_of(name: str, op: Any = "video") -> ModelCard:
    card = catalogue("vidu").find(name, op)
    assert card is not None
    return card


def job_of(card: ModelCard, request: Request, **values: Any) -> Job:
    """The job as the engine's plan would make it."""
    return Job(
        id="task_1",
        key_id="key_1",
        model=card.name,
        asked=request,
        request=fit(request, card.capabilities).request,
        adapter="vidu",
        upstream_model=card.by_mode.get(request.mode, card.upstream),
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW,
        **values,
    )


def media_for(mode: Mode) -> tuple[Media, ...]:
    return tuple(Media(kind, role, "https://example.com/a", "input", Form.URL) for kind, role in PLAIN[mode])


def video(model: str, mode: Mode = Mode.T2V, **fields: Any) -> VideoRequest:
    return VideoRequest(**{"model": model, "mode": mode, "prompt": "a paper boat", "media": media_for(mode), **fields})


def image(**fields: Any) -> ImageRequest:
    return ImageRequest(**{"model": "viduq2", "mode": Mode.T2I, "prompt": "a kite", **fields})


def body_of(job: Job) -> JsonObject:
    body = ADAPTER.build_request(job).json
    assert body is not None
    return body

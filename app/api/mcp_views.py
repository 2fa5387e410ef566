"""What an agent reads of models, jobs and errors: the values of the HTTP API, without those that only programs need."""

from collections.abc import Iterator, Mapping

from app.api.dialects.images import Picture, image_job_object
from app.api.dialects.models import capabilities_object
from app.api.dialects.videos import Link, video_object
from app.domain.jobs import Job
from app.domain.json import Json, JsonObject
from app.domain.offers import Offer
from app.domain.pacing import poll_after_ms

_OF_VIDEO = (
    *("status", "progress", "model", "url", "videos", "seconds", "size", "resolution", "aspect_ratio", "error", "errors", "late"),
    *("warnings", "created_at", "completed_at", "expires_at", "usage", "cost_usd", "reserved_usd", "unpriced"),
)
_OF_IMAGE = (
    *("status", "progress", "model", "data", "size", "quality", "output_format", "error", "errors", "late"),
    *("warnings", "created_at", "completed_at", "usage", "cost_usd", "reserved_usd", "unpriced"),
)
_OF_MODEL = {
    "op": "kind",
    "modes": "modes",
    "durations": "seconds",
    "resolutions": "resolutions",
    "ratios": "aspect_ratios",
    "price": "price",
    "retired": "retired",
    "successor": "successor",
}


def job_view(job: Job, link: Link, pace: float) -> dict[str, Json]:
    """A job of either kind, with what to do next; `pace` is how many seconds such jobs typically take."""
    view = _video(job, link) if job.op == "video" else _image(job, link)
    return {"id": job.id, "kind": job.op, **view, **_next(job, pace)}


def brief_model(offer: Offer) -> dict[str, Json]:
    """One line of a list of models. What is not known is left out."""
    whole = capabilities_object(offer)
    known = {ours: whole[name] for name, ours in _OF_MODEL.items() if whole[name] is not None}
    inputs = whole["inputs"]
    if isinstance(inputs, Mapping):
        known["inputs"] = {role: rule["max"] for role, rule in inputs.items() if isinstance(rule, Mapping)}
    return {"model": offer.name, **known}


def whole_model(offer: Offer) -> dict[str, Json]:
    """Everything that is known of a model, as the HTTP API says it."""
    return {"model": offer.name, **{name: value for name, value in capabilities_object(offer).items() if value is not None}}


def error_line(body: JsonObject) -> str:
    """An error body of the HTTP API as one text: the message, the code, and what else helps to go on."""
    return f"{body.get('message')} ({', '.join(_named(body))})"


def failure_line(view: JsonObject) -> str:
    """A failed job as such a text."""
    error = view.get("error")
    return error_line({**(error if isinstance(error, Mapping) else {}), "id": view.get("id")})


def _named(body: JsonObject) -> Iterator[str]:
    for name, words in (("code", "code"), ("param", "argument"), ("id", "job"), ("request_id", "request")):
        if body.get(name):
            yield f"{words}: {body[name]}"


def _video(job: Job, link: Link) -> dict[str, Json]:
    whole = video_object(job, link)
    return {name: whole[name] for name in _OF_VIDEO if whole.get(name) is not None}


def _image(job: Job, link: Link) -> dict[str, Json]:
    whole = image_job_object(job, [Picture(url=link(index)) for index in range(len(job.outputs))])
    return {"images" if name == "data" else name: whole[name] for name in _OF_IMAGE if whole.get(name) is not None}


def _next(job: Job, pace: float) -> dict[str, Json]:
    if job.status.final:
        return {"next": "The links need no key and expire; look_at_job gives fresh ones."} if job.outputs else {}
    wait = -(-poll_after_ms(pace) // 1000)
    hint = f"Not finished. Call look_at_job with this id in about {wait} s, or with wait_seconds; do not make it again."
    return {"look_again_in_seconds": wait, "next": hint}

"""Google's picture models: Gemini by `generateContent`, Imagen by `predict`; both answer at once, with bytes.

https://ai.google.dev/gemini-api/docs/image-generation,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api (read 2026-11-20).
"""

from collections.abc import Sequence

from app.adapters._fields import dig, given, items, table, text, whole
from app.adapters._google_errors import NO_REASON, failure_of, withheld
from app.adapters._google_media import output_of, part
from app.adapters.base import Reply
from app.domain.capabilities import ModelCard
from app.domain.errors import UpstreamUnreadable
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject
from app.domain.media import Role
from app.domain.requests import ImageRequest

_PNG = "image/png"
_MIMES = {"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "webp": "image/webp"}
_IMAGEN_PARAMETERS = ("personGeneration",)
_VERTEX_IMAGEN_PARAMETERS = (
    *_IMAGEN_PARAMETERS,
    *("guidanceScale", "safetySetting", "includeSafetyAttributes", "language", "enhancePrompt"),
)
_BLOCKED = frozenset(
    {
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE"),
        *("PROHIBITED_CONTENT", "SAFETY", "BLOCKLIST", "RECITATION"),
    }
)


def content_body(request: ImageRequest, card: ModelCard | None, *, vertex: bool) -> dict[str, Json]:
    """The body of `generateContent`: the prompt, then the pictures."""
    pictures = [part(item) for item in request.by_role(Role.IMAGE)]
    shape = given({"aspectRatio": _ratio(request), "imageSize": _tier(request, card)})
    if vertex:
        chosen = {name: request.vendor[name] for name in ("personGeneration", "prominentPeople") if name in request.vendor}
        shape = given({**chosen, **shape, "imageOutputOptions": _output_options(request)})
    spoken: list[Json] = [{"text": request.prompt}] if request.prompt else []
    return {
        "contents": [{"role": "user", "parts": [*spoken, *pictures]}],
        "generationConfig": given({"responseModalities": ["IMAGE"], "imageConfig": shape or None, "seed": request.seed}),
    }


def read_content(job: Job, reply: Reply) -> Snapshot:
    """The pictures of an answer; drafts that a model thinks aloud are none. Raises UpstreamUnreadable for an empty answer."""
    answer = reply.object()
    candidates = [table(candidate) for candidate in items(answer.get("candidates"))]
    outputs = tuple(output for candidate in candidates for output in _pictures(candidate))
    if outputs:
        return Snapshot(status=JobStatus.COMPLETED, outputs=outputs, usage=_usage(answer, len(outputs)))
    feedback = table(answer.get("promptFeedback"))
    if feedback.get("blockReason"):
        reason = text(feedback.get("blockReasonMessage"))
        return _failed(withheld(reason, "The vendor's safety filters blocked the prompt."), answer)
    if not candidates:
        raise UpstreamUnreadable("The vendor's answer holds no picture.", status=reply.status, body=reply.excerpt())
    return _failed(_refusal(candidates[0]), answer)


def imagen_body(job: Job, request: ImageRequest, card: ModelCard | None, *, vertex: bool) -> dict[str, Json]:
    """The body of Imagen's `predict`."""
    names = _VERTEX_IMAGEN_PARAMETERS if vertex else _IMAGEN_PARAMETERS
    parameters: dict[str, Json] = {
        **({"storageUri": job.settings.get("storage_uri")} if vertex else {}),
        **{name: request.vendor[name] for name in names if name in request.vendor},
        "sampleCount": request.n,
        "aspectRatio": _ratio(request),
        "sampleImageSize": _tier(request, card),
    }
    if vertex:
        # a seed is only taken without the watermark
        marked = False if request.watermark is None and request.seed is not None else request.watermark
        parameters |= {"negativePrompt": request.negative_prompt, "seed": request.seed, "addWatermark": marked}
        parameters |= {"includeRaiReason": True, "outputOptions": _output_options(request)}
    return {"instances": [{"prompt": request.prompt}], "parameters": given(parameters)}


def read_predictions(job: Job, reply: Reply) -> Snapshot:
    """Imagen's pictures; an answer without any, even an empty object, means that all were filtered."""
    answer = reply.object()
    predictions = [table(prediction) for prediction in items(answer.get("predictions"))]
    outputs = tuple(output for output in (output_of(prediction, _PNG) for prediction in predictions) if output is not None)
    filtered = [prediction.get("raiFilteredReason") for prediction in predictions if prediction.get("raiFilteredReason")]
    failures = tuple(withheld(reason) for reason in filtered)
    if not outputs:
        return _failed(failures[0] if failures else withheld(None), answer)
    return Snapshot(status=JobStatus.COMPLETED, outputs=outputs, partial_failures=failures, usage=Usage(images=len(outputs)))


def _pictures(candidate: JsonObject) -> Sequence[Output]:
    parts = [table(entry) for entry in items(dig(candidate, "content", "parts"))]
    shown = [entry.get("inlineData") or entry.get("inline_data") for entry in parts if entry.get("thought") is not True]
    return [output for output in (output_of(data, _PNG) for data in shown if data) if output is not None]


def _refusal(candidate: JsonObject) -> Failure:
    """A candidate without a picture: by its reason, or in words."""
    word = (text(candidate.get("finishReason")) or "STOP").upper()
    said = [text(table(entry).get("text")) for entry in items(dig(candidate, "content", "parts"))]
    told = text(candidate.get("finishMessage")) or " ".join(line for line in said if line)
    if word in _BLOCKED or (word == "STOP" and told):
        failure = withheld(told)
        return Failure(failure.code, failure.message, word)
    return failure_of(told or NO_REASON, word)


def _failed(failure: Failure, answer: JsonObject) -> Snapshot:
    return Snapshot(status=JobStatus.FAILED, failure=failure, usage=_usage(answer, 0))


def _ratio(request: ImageRequest) -> str | None:
    return None if request.aspect_ratio == "auto" else request.aspect_ratio


def _tier(request: ImageRequest, card: ModelCard | None) -> str | None:
    """`1K`, `2K`, `4K` or `512`; a model with a single size is not told it."""
    choices = card.capabilities.resolutions if card else None
    if choices is not None and len(choices) < 2:
        return None
    return "512" if request.resolution == "0.5K" else request.resolution


def _output_options(request: ImageRequest) -> dict[str, Json] | None:
    chosen = given({"mimeType": _MIMES.get(request.output_format or ""), "compressionQuality": request.output_compression})
    return chosen or None


def _usage(answer: JsonObject, made: int) -> Usage | None:
    usage = table(answer.get("usageMetadata"))
    if not usage and not made:
        return None
    return Usage(
        images=made,
        input_tokens=whole(usage.get("promptTokenCount")),
        output_tokens=whole(usage.get("candidatesTokenCount")),
        total_tokens=whole(usage.get("totalTokenCount")),
    )

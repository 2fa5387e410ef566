"""Veo as both of Google's hosts speak it: the body of `predictLongRunning`, and what its operations say.

https://ai.google.dev/gemini-api/docs/video (as it last stood), https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/veo-video-generation
(read 2026-11-20).
"""

import hashlib
import re

from app.adapters._fields import dig, given, items, number, table, text
from app.adapters._google_errors import failure_of, operation_failure, withheld
from app.adapters._google_media import blob, output_of
from app.domain.errors import InputRefused
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot
from app.domain.json import Json, JsonObject
from app.domain.media import Form, Media, Role
from app.domain.requests import VideoRequest

_PARAMETERS = ("personGeneration", "enhancePrompt", "negativePrompt")
_VERTEX_PARAMETERS = (*_PARAMETERS, "compressionQuality", "resizeMode")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_MP4 = "video/mp4"


def veo_body(job: Job, request: VideoRequest, *, vertex: bool) -> dict[str, Json]:
    """The create call's body; raises InputRefused for a source that this host cannot read."""
    names = _VERTEX_PARAMETERS if vertex else _PARAMETERS
    parameters: dict[str, Json] = {
        **({"storageUri": job.settings.get("storage_uri")} if vertex else {}),
        **{name: request.vendor[name] for name in names if name in request.vendor},
        **_parameters(job, request, vertex),
    }
    body: dict[str, Json] = {"instances": [_instance(request, vertex)], "parameters": given(parameters)}
    if vertex and request.user:
        body["labels"] = {"end_user": _label(request.user)}
    return body


def veo_resolution(job: Job, request: VideoRequest) -> str | None:
    """The tier that is asked for: the channel setting `largest_resolution` may keep 4k back."""
    capped = request.resolution == "2160p" and job.settings.get("largest_resolution") == "1080p"
    return "1080p" if capped else request.resolution


def operation_snapshot(job: Job, operation: JsonObject) -> Snapshot:
    """An operation: while it runs `done` is missing, a filtered one is done without an error and without a result."""
    error = table(operation.get("error"))
    name = text(operation.get("name")) or job.upstream_id
    if error:
        return Snapshot(status=JobStatus.FAILED, upstream_id=name, failure=operation_failure(error))
    if operation.get("done") is not True and (text(operation.get("done")) or "").lower() != "true":
        return Snapshot(status=JobStatus.IN_PROGRESS, upstream_id=name)
    response = table(operation.get("response"))
    answer = table(response.get("generateVideoResponse")) or response
    outputs = _outputs(answer)
    failures = _filtered(answer)
    if not outputs:
        failure = failures[0] if failures else Failure("upstream_error", "The vendor finished and returned no video.")
        return Snapshot(status=JobStatus.FAILED, upstream_id=name, failure=failure)
    shown = veo_resolution(job, job.request) if isinstance(job.request, VideoRequest) else None
    return Snapshot(
        status=JobStatus.COMPLETED,
        upstream_id=name,
        outputs=outputs,
        partial_failures=failures,
        resolution=shown,
        facts=_facts(table(dig(answer, "generatedSamples", 0, "video")).get("uri")),
    )


def _facts(uri: Json) -> dict[str, str]:
    """The first result's own address: an extension names its source by it."""
    address = text(uri)
    return {"uri": address} if address else {}


def _parameters(job: Job, request: VideoRequest, vertex: bool) -> dict[str, Json]:
    resolution = veo_resolution(job, request)
    shared: dict[str, Json] = {
        "aspectRatio": None if request.aspect_ratio == "auto" else request.aspect_ratio,
        "resolution": "4k" if resolution == "2160p" else resolution,
        "durationSeconds": None if request.duration is None else round(request.duration),
        "sampleCount": request.n,
    }
    if request.negative_prompt is not None:
        shared["negativePrompt"] = request.negative_prompt
    if vertex:
        shared |= {"seed": request.seed, "generateAudio": request.generate_audio is not False}
    return shared


def _instance(request: VideoRequest, vertex: bool) -> dict[str, Json]:
    first, last = request.first(Role.FIRST_FRAME), request.first(Role.LAST_FRAME)
    source = request.first(Role.SOURCE_VIDEO)
    references: list[Json] = [{"image": blob(item), "referenceType": "asset"} for item in request.by_role(Role.REFERENCE_IMAGE)]
    return given(
        {
            "prompt": request.prompt,
            "image": blob(first) if first else None,
            "lastFrame": blob(last) if last else None,
            "referenceImages": references or None,
            "video": None if source is None else blob(source) if vertex else _earlier(source),
        }
    )


def _earlier(source: Media) -> dict[str, Json]:
    """A clip that Veo made before, which is all that the Gemini API extends."""
    uri = source.origin.facts.get("uri") if source.origin and source.form is Form.TASK else None
    if uri is None:
        message = "Veo extends only clips that it made on this channel itself."
        raise InputRefused(message, param=source.param or None, code="unsupported_input")
    return {"uri": uri}


def _label(user: str) -> str:
    """The client's name for its user as a label value; what is none becomes a digest."""
    return user if _LABEL.fullmatch(user) else hashlib.sha256(user.encode()).hexdigest()[:32]


def _outputs(answer: JsonObject) -> tuple[Output, ...]:
    """`videos` (Vertex), `generatedSamples` (the Gemini API), and two older shapes of a single result."""
    entries: list[Json] = [*items(answer.get("videos"))]
    entries += [table(sample).get("video") for sample in items(answer.get("generatedSamples"))] if not entries else []
    entries += [answer.get("video") or {"data": answer.get("bytesBase64Encoded")}] if not entries else []
    return tuple(output for output in (output_of(entry, _MP4) for entry in entries) if output is not None)


def _filtered(answer: JsonObject) -> tuple[Failure, ...]:
    """One failure for each result that the filters kept back."""
    count, reasons = number(answer.get("raiMediaFilteredCount")), answer.get("raiMediaFilteredReasons")
    told = text(answer.get("raiErrorMessage"))
    if not count and not items(reasons) and told is None:
        return ()
    failure = withheld(reasons) if items(reasons) or told is None else failure_of(told, "SAFETY")
    return (failure,) * max(1, min(int(count or 1), 10))

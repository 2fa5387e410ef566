"""Reads a video object in every dress that OpenAI-shaped servers and relays give it: flat, wrapped, or both at once."""

import re
from collections.abc import Iterator, Mapping, Sequence

from app.adapters._fields import decoded, dig, items, number, table, text, web_link, whole
from app.adapters._openai_errors import PASSING, Problem, failure_of, problem_of, read_error
from app.adapters._openai_form import choice
from app.adapters._openai_videos import video_path
from app.adapters.base import Adapter, Reply, status_of
from app.domain.errors import UnknownStatus, UpstreamUnreadable
from app.domain.geometry import read_pixels
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject

# newapi.md §4.3, case does not matter
STATUSES: Mapping[str, JobStatus] = {
    **dict.fromkeys(
        (
            "queued",
            "pending",
            "submitted",
            "not_start",
            "notstarted",
            "preparing",
            "created",
            "starting",
            "queueing",
            "in_queue",
            "unknown",
        ),
        JobStatus.QUEUED,
    ),
    **dict.fromkeys(("processing", "in_progress", "running", "generating"), JobStatus.IN_PROGRESS),
    **dict.fromkeys(("completed", "complete", "success", "succeeded", "succeed", "finished", "done"), JobStatus.COMPLETED),
    **dict.fromkeys(
        ("failed", "failure", "fail", "error", "cancelled", "canceled", "expired", "timeout", "rejected"), JobStatus.FAILED
    ),
}
_CANCELLED = frozenset({"cancelled", "canceled"})
_DEEPEST = 4  # relays of relays wrap `data` in `data`
_LINKS: Sequence[Sequence[str | int]] = (
    ("url",),
    ("video_url",),
    ("result_url",),
    ("metadata", "url"),
    ("output",),
    ("outputs", "video_url"),
    ("outputs", "url"),
    ("output", "video_url"),
    ("content", "video_url"),
    ("result", "video_url"),
)
_LISTS: Sequence[Sequence[str | int]] = (("videos",), ("output",), ("outputs",), ("urls",), ("data",), ("task_result", "videos"))


def is_job(reply: Reply) -> bool:
    """Whether an answer with an error status is still a job: vLLM-Omni reports a failed one that way."""
    body = table(reply.json)
    word = text(body.get("status"))
    return text(body.get("id")) is not None and word is not None and word.lower() in STATUSES


def read_created(adapter: Adapter, job: Job, reply: Reply) -> Snapshot:
    """What the answer to a create says; raises UpstreamUnreadable when it holds neither an id nor a result."""
    layers = _layers(reply.object())
    identifier, outputs = _identifier(layers), _outputs(layers)
    if identifier is None and not outputs:
        if reply.object().get("error"):
            raise read_error(job, reply)
        raise UpstreamUnreadable("The vendor's answer holds no id.", status=reply.status, body=reply.excerpt())
    try:
        status = JobStatus.COMPLETED if identifier is None else _status(adapter, job, layers)
    except UnknownStatus:
        status = JobStatus.QUEUED
    if status is JobStatus.COMPLETED and not outputs:
        status = JobStatus.IN_PROGRESS  # the next poll knows where the file lies
    return _snapshot(layers, status, outputs, identifier)


def read_polled(adapter: Adapter, job: Job, reply: Reply) -> Snapshot:
    """What the answer to a status call says; raises UnknownStatus, or the error that the answer consists of."""
    layers = _layers(reply.object())
    if not any(key in layer for layer in layers[:2] for key in ("status", "task_status", "state", "id", "task_id")):
        if _problem([reply.object()]) is None:
            raise UpstreamUnreadable("The vendor's answer holds no job.", status=reply.status, body=reply.excerpt())
        raise read_error(job, reply)
    status = _status(adapter, job, layers)
    return _snapshot(layers, status, _results(job, layers) if status is JobStatus.COMPLETED else (), None)


def _results(job: Job, layers: Sequence[JsonObject]) -> tuple[Output, ...]:
    """What a finished job brought: the links in its answer, or else the place where its vendor keeps its file."""
    outputs = () if choice(job.settings, "content", "url", "endpoint") == "endpoint" else _outputs(layers)
    return outputs or (_described(Output(url=video_path(job, "/content")), layers),)


def _layers(body: JsonObject) -> list[JsonObject]:
    """The objects that may hold an answer's fields, the most telling first: the wrapped one, the flat one, what lies deeper."""
    inner = body.get("data")
    if not isinstance(inner, Mapping):
        return [body]
    wrapped = text(body.get("code")) == "success" or "status" not in body
    layers: list[JsonObject] = [inner, body] if wrapped else [body, inner]
    while len(layers) < _DEEPEST and isinstance(inner := inner.get("data"), Mapping):
        layers.append(inner)
    return layers


def _first(layers: Sequence[JsonObject], *names: str) -> Json:
    """The first of these fields that says something, outer names and layers first; what a vendor's raw body says is not asked."""
    for layer in layers[:2]:
        for name in names:
            value = layer.get(name)
            if value is not None and value != "":
                return value
    return None


def _identifier(layers: Sequence[JsonObject]) -> str | None:
    for layer in layers[:2]:
        # new-api's wrapped `id` is a row number, its `task_id` the one to ask for
        found = text(layer.get("task_id")) or text(layer.get("id"))
        if found is not None:
            return found
    return text(layers[0].get("data")) if text(layers[0].get("code")) == "success" else None


def _status(adapter: Adapter, job: Job, layers: Sequence[JsonObject]) -> JobStatus:
    word = text(_first(layers, "status", "task_status", "state"))
    if word is not None:
        alias = text(table(job.settings.get("status_aliases")).get(word))
        return status_of(adapter, alias or word)
    if _outputs(layers):
        return JobStatus.COMPLETED
    problem = _problem(layers) if _first(layers, "error") else None
    if problem is None:
        raise UnknownStatus(f"{adapter.name} answered without a status.", upstream_code="")
    return JobStatus.QUEUED if problem.code in PASSING else JobStatus.FAILED


def _problem(layers: Sequence[JsonObject]) -> Problem | None:
    """The error that the answer tells of; None when its error field is only there for form's sake."""
    error = _first(layers, "error")
    problem = problem_of({"error": error} if error else {"message": _first(layers, "fail_reason", "reason", "message")})
    return problem if problem.message or problem.code not in ("", "0") else None


def _snapshot(layers: Sequence[JsonObject], status: JobStatus, outputs: tuple[Output, ...], identifier: str | None) -> Snapshot:
    meta = table(_first(layers, "metadata"))
    resolution, ratio = text(_first(layers, "resolution")), text(_first(layers, "aspect_ratio", "ratio"))
    seconds = number(_first(layers, "seconds", "duration")) or number(meta.get("duration"))
    return Snapshot(
        status=status,
        upstream_id=identifier,
        progress=_progress(_first(layers, "progress")),
        outputs=outputs if status is JobStatus.COMPLETED else (),
        failure=_failure(layers) if status is JobStatus.FAILED else None,
        usage=_usage(table(_first(layers, "usage"))),
        seconds=seconds if seconds is not None and 0 < seconds <= 3600 else None,
        resolution=resolution.lower() if resolution and re.fullmatch(r"\d{3,4}[pP]", resolution) else None,
        aspect_ratio=ratio if ratio and re.fullmatch(r"\d{1,2}:\d{1,2}", ratio) else None,
        seed=_or(whole(_first(layers, "seed")), whole(meta.get("seed"))),
        fps=_or(whole(_first(layers, "fps")), whole(meta.get("fps"))),
    )


def _or(value: int | None, other: int | None) -> int | None:
    return other if value is None else value


def _progress(value: Json) -> int | None:
    percent = whole(value.strip().rstrip("%") if isinstance(value, str) else value)
    return None if percent is None else min(max(percent, 0), 100)


def _failure(layers: Sequence[JsonObject]) -> Failure:
    problem = _problem(layers) or Problem()
    word = (text(_first(layers, "status", "task_status", "state")) or "").lower()
    if word in _CANCELLED or problem.code in _CANCELLED:
        return Failure("cancelled", problem.message or "The job was cancelled at its vendor.", problem.code or None)
    return failure_of(problem)


def _usage(usage: JsonObject) -> Usage | None:
    if not usage:
        return None
    return Usage(
        input_tokens=_or(whole(usage.get("input_tokens")), whole(usage.get("prompt_tokens"))),
        output_tokens=_or(whole(usage.get("output_tokens")), whole(usage.get("completion_tokens"))),
        total_tokens=whole(usage.get("total_tokens")),
    )


def _outputs(layers: Sequence[JsonObject]) -> tuple[Output, ...]:
    lists = (list(_listed(dig(layer, *path))) for layer in layers for path in _LISTS)
    many = next((outputs for outputs in lists if outputs), [])
    one = next((output for layer in layers for path in _LINKS if (output := _output(dig(layer, *path)))), None)
    if one is None and not many:
        # new-api's older builds write the result link into the field for failures
        one = _output(web_link(_first(layers, "fail_reason")))
    # a list only counts beside a single link when it holds that link: it may be an echo of the inputs
    found = many if one is None or one in many else [one]
    return tuple(_described(output, layers) for output in found)


def _listed(value: Json) -> Iterator[Output]:
    for item in items(value):
        found = _output(item) or _output(table(item).get("url")) or _output(table(item).get("video_url"))
        if found:
            yield found


def _output(value: Json) -> Output | None:
    if isinstance(value, str) and value.startswith("data:"):
        data = decoded(value)
        return Output(data=data, mime=value[5:].partition(";")[0]) if data else None
    url = web_link(value)
    return Output(url=url) if url else None


def _described(output: Output, layers: Sequence[JsonObject]) -> Output:
    meta = table(_first(layers, "metadata"))
    pixels = read_pixels(text(_first(layers, "size")) or "")
    width, height = pixels or (whole(meta.get("width")), whole(meta.get("height")))
    return Output(
        url=output.url,
        data=output.data,
        mime=output.mime,
        width=width,
        height=height,
        thumbnail_url=web_link(_first(layers, "thumbnail_url", "cover_url")),
        last_frame_url=web_link(_first(layers, "last_frame_url")),
    )

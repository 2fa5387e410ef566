"""Jobs as operators see them: with channel, attempts and upstream ids, and without credentials or signatures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from app.domain.attempts import Attempt
from app.domain.canonical import to_json
from app.domain.channels import Channel
from app.domain.jobs import Failure, Job, Output
from app.domain.json import Json, JsonObject
from app.domain.money import usd
from app.domain.requests import Notice
from app.engine.money_views import line_view, terms_view
from app.engine.redaction import redact
from app.engine.views import seconds
from app.store.ledger import Line

_TIMES = ("created_at", "updated_at", "deadline_at", "accepted_at", "started_at", "completed_at", "expires_at")
_PLAIN = (
    *("id", "parent_id", "key_id", "op", "model", "adapter", "credential_id", "upstream_model", "upstream_id", "progress"),
    *("seconds", "resolution", "aspect_ratio", "seed", "fps", "remixed_from"),
)


def job_line(job: Job, channel: Channel | None) -> dict[str, Json]:
    """A job in a list."""
    return {
        **{name: getattr(job, name) for name in _PLAIN},
        "status": job.status.value,
        "stage": job.stage.value,
        "channel": {"id": job.channel_id, "name": channel.name if channel else None} if job.channel_id else None,
        "failure": None if job.failure is None else _failure(job.failure),
        "cost_usd": None if job.cost is None else usd(job.cost),
        **{name: seconds(getattr(job, name)) for name in _TIMES},
    }


def job_view(
    job: Job,
    channel: Channel | None,
    parts: Iterable[Job],
    route: Sequence[JsonObject],
    attempts: Iterable[Attempt],
    lines: Iterable[Line],
) -> dict[str, Json]:
    """One job with everything that is known of it (CONTRACT §4)."""
    return {
        **job_line(job, channel),
        "client_task_id": job.asked.client_task_id,
        "request": to_json(job.asked, inline=False),
        "fitted": to_json(job.request, inline=False),
        "warnings": [notice_view(notice) for notice in job.notices],
        "route": route,
        "attempts": [_attempt(attempt) for attempt in attempts],
        "parts": [part.id for part in parts],
        "outputs": [_output(index, output) for index, output in enumerate(job.outputs)],
        "partial_failures": [_failure(failure) for failure in job.partial_failures],
        "usage": None if job.usage is None else _given(asdict(job.usage)),
        "terms": terms_view(job.terms),
        "reserved_usd": usd(0 if job.status.final else job.reserved),
        "late_at": seconds(job.late_at),
        "ledger": [line_view(line) for line in lines],
    }


def notice_view(notice: Notice) -> dict[str, Json]:
    """A warning as CONTRACT §1 writes it."""
    return {"code": notice.code, "field": notice.field, "from": notice.before, "to": notice.after}


def _failure(failure: Failure) -> dict[str, Json]:
    return {"code": failure.code, "message": failure.message, "upstream_code": failure.upstream_code}


def _output(index: int, output: Output) -> dict[str, Json]:
    """Vendors sign their links: the signature is for us alone."""
    links = {name: redact(link) for name in ("url", "last_frame_url", "thumbnail_url") if (link := getattr(output, name))}
    plain = {
        name: getattr(output, name) for name in ("asset", "mime", "size", "sha256", "part", "width", "height", "revised_prompt")
    }
    return {"index": index, **links, **_given(plain)}


def _attempt(attempt: Attempt) -> dict[str, Json]:
    return {
        "number": attempt.number,
        "channel": {"id": attempt.channel_id, "name": attempt.channel_name},
        "credential_id": attempt.credential_id,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": None if attempt.ended_at is None else attempt.ended_at.isoformat(),
        "call": attempt.call,
        "status": attempt.status,
        "reply": None if attempt.reply is None else redact(attempt.reply),
        "request_id": attempt.request_id,
        "outcome": attempt.outcome,
        "detail": None if attempt.detail is None else redact(attempt.detail),
    }


def _given(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}

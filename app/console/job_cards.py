"""Jobs in a list: a picture of what was made, or in a few words why there is none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.jobs import Job, JobStatus, Output, Variant
from app.domain.money import usd
from app.engine.configuration import Configuration
from app.engine.failure_text import failure_text
from app.engine.gateway import Gateway
from app.engine.links import Links
from app.engine.redaction import redact

_PROMPT = 140  # characters that a list shows


@dataclass(frozen=True, slots=True)
class Card:
    """One job; `picture` is an address, `key` and `channel` are names, or ids of those that are gone."""

    job: Job
    picture: str | None
    expired: bool
    prompt: str
    reason: str | None
    key: str
    channel: str
    took: float | None
    cost: str | None


def cards(gateway: Gateway, jobs: Iterable[Job], *, inside: bool) -> Sequence[Card]:
    """The jobs as a list shows them; `inside` with what only operators may know."""
    return [_card(gateway, job, gateway.now(), inside=inside) for job in jobs]


def file_address(links: Links, job_id: str, index: int = 0, variant: Variant | None = None) -> str:
    """A signed link to a result at the host by which the reader opened the console: pages may load nothing from another."""
    return "/files/" + links.result(job_id, index, variant=variant).rpartition("/")[2]


def reason_of(job: Job, *, inside: bool) -> str | None:
    """Why the job failed: in its vendor's words for operators, in the client API's for others."""
    if job.failure is None:
        return None
    return redact(job.failure.message) if inside else failure_text(job.failure, job)


def gone(job: Job, output: Output, now: datetime) -> bool:
    """Whether the result lay only at its vendor, which may have deleted it by now."""
    return output.asset is None and output.data is None and job.expires_at is not None and job.expires_at < now


def has_results(job: Job) -> bool:
    """Whether there is something to see."""
    return bool(job.outputs) and (job.status is JobStatus.COMPLETED or job.delivered_late)


def took(start: datetime | None, end: datetime | None) -> float | None:
    """The seconds between two times; the clock may have been set back meanwhile."""
    return None if start is None or end is None else max(end - start, timedelta(0)).total_seconds()


def key_name(configuration: Configuration, key_id: str) -> str:
    """What the key is called, or its id once it is gone."""
    key = configuration.key_by_id(key_id)
    return key.name or key_id if key is not None else key_id


def _card(gateway: Gateway, job: Job, now: datetime, *, inside: bool) -> Card:
    shown = has_results(job)
    expired = shown and gone(job, job.outputs[0], now)
    variant: Variant | None = "thumbnail" if job.op == "video" else None
    channel = gateway.configuration.channel(job.channel_id)
    return Card(
        job=job,
        picture=file_address(gateway.links, job.id, 0, variant) if shown and not expired else None,
        expired=expired,
        prompt=(job.asked.prompt or "")[:_PROMPT],
        reason=reason_of(job, inside=inside),
        key=key_name(gateway.configuration, job.key_id) if inside else "",
        channel=(channel.name if channel is not None else job.channel_id) if inside else "",
        took=took(job.created_at, job.completed_at),
        cost=None if job.cost is None or not job.status.final else usd(job.cost),
    )

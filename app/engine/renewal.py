"""A fresh link in the place of one that has died, from vendors that give one as often as they are asked about a job."""

from collections.abc import Callable
from dataclasses import replace

from app.adapters.base import Call, Reply
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import UpstreamError, UpstreamUnreadable
from app.domain.jobs import Job, Output, Snapshot
from app.engine.vendors import Vendors

_QUESTIONS = 4  # in a row, as for a job that is still open


async def renewed(vendors: Vendors, channel: Channel, credential: Credential, maker: Job, output: Output) -> Output | None:
    """The output with the link that its vendor gives now; None where it gives none (any more).

    `maker` is the job that the vendor knows: the part, where a job was split.
    """
    if maker.upstream_id is None or not adapters()[maker.adapter].renews_links:
        return None
    place = next((number for number, made in enumerate(maker.outputs) if made.url == output.url), len(maker.outputs))
    try:
        now = await _asked(vendors, channel, credential, replace(maker, settings=channel.settings))
    except UpstreamError:
        return None  # the link stays dead; the caller says so
    fresh = next(iter(now[place : place + 1]), None)
    if fresh is None:
        return None
    return replace(output, url=fresh.url, last_frame_url=fresh.last_frame_url, thumbnail_url=fresh.thumbnail_url)


async def _asked(vendors: Vendors, channel: Channel, credential: Credential, job: Job) -> tuple[Output, ...]:
    """The job's outputs as its vendor tells them now; raises UpstreamError."""
    adapter = adapters()[job.adapter]
    read: Callable[[Job, Reply], Snapshot | Call] = adapter.parse_status
    call = adapter.build_status(job)
    for _ in range(_QUESTIONS):
        reply = await vendors.ask(channel, credential, call)
        if not reply.ok:
            raise adapter.parse_error(job, reply)
        answer = read(job, reply)
        if isinstance(answer, Snapshot):
            return answer.outputs
        call, read = answer, adapter.parse_result
    raise UpstreamUnreadable("The adapter keeps asking further questions.")

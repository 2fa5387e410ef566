"""A fresh link in the place of one that has died, from vendors that give one as often as they are asked about a job."""

from dataclasses import replace

from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import UpstreamError
from app.domain.jobs import Job, Output
from app.engine.questions import ask_status
from app.engine.vendors import Vendors


async def renewed(vendors: Vendors, channel: Channel, credential: Credential, maker: Job, output: Output) -> Output | None:
    """The output with the link that its vendor gives now; None where it gives none (any more).

    `maker` is the job that the vendor knows: the part, where a job was split.
    """
    if maker.upstream_id is None or not adapters()[maker.adapter].renews_links:
        return None
    place = next((number for number, made in enumerate(maker.outputs) if made.url == output.url), len(maker.outputs))
    try:
        now = (await ask_status(vendors, channel, credential, replace(maker, settings=channel.settings))).outputs
    except UpstreamError:
        return None  # the link stays dead; the caller says so
    fresh = next(iter(now[place : place + 1]), None)
    if fresh is None:
        return None
    return replace(output, url=fresh.url, last_frame_url=fresh.last_frame_url, thumbnail_url=fresh.thumbnail_url)

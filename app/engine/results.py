"""The files of a finished job: as bytes for an answer, or as a stream for a download."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar

import pybase64

from app.adapters.registry import adapters
from app.domain.channels import Channel
from app.domain.errors import InvalidRequest, NotFound, UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Output
from app.domain.replacing import replace
from app.engine.assets import UNKNOWN_MIME
from app.engine.configuration import Configuration
from app.engine.content import Ask, Content, Variant, open_content
from app.engine.content_source import Body, Sources, Way, find
from app.engine.credentials import Credentials
from app.engine.links import Links
from app.engine.ranges import Span
from app.engine.renewal import renewed
from app.store import jobs as job_store
from app.store.database import Database

Found = TypeVar("Found")

INLINE_LIMIT = 64 * 1024 * 1024  # bytes of one picture in a JSON answer


@dataclass(frozen=True, slots=True)
class Results:
    """Reads what jobs made."""

    database: Database
    sources: Sources
    links: Links
    configuration: Configuration
    credentials: Credentials

    async def content(self, job: Job, index: int, ask: Ask, variant: Variant = "video") -> Content:
        """One output as a stream, as the client asked for it (ranges, validators).

        Raises InvalidRequest (`video_not_ready`, the job's own failure code), NotFound (`video_expired`, no such index).
        """

        def opened(told: Job, way: Way | None) -> Awaitable[Content]:
            return open_content(told, index, ask, way=way, sources=self.sources, variant=variant)

        return await self._reached(job, index, opened)

    async def source(
        self, stack: AsyncExitStack, job: Job, index: int, span: Span | None = None, if_range: str | None = None
    ) -> Body:
        """One output's bytes as they lie, for a copy; what has to be held open is on the stack. Raises as `content` does."""

        def found(told: Job, way: Way | None) -> Awaitable[Body]:
            return find(stack, self.sources, told, told.outputs[index], way, span, if_range=if_range)

        return await self._reached(job, index, found)

    async def presigned(self, job: Job, index: int, lifetime: timedelta, method: Literal["GET", "HEAD"]) -> str | None:
        """A URL of the bucket by which our copy of one output is read without us; None where it has to be streamed.

        Raises what `output_of` raises.
        """
        name, assets = output_of(job, index).asset, self.sources.assets
        if name is None:
            return None
        try:
            url = await assets.presigned(name, lifetime, method)
            # asked even so: a copy that is gone may still be had from its vendor, and of an unknown type the bucket says nothing
            return url if url is not None and (await assets.stat(name)).mime != UNKNOWN_MIME else None
        except (NotFound, OSError):
            return None

    async def channel_of(self, job: Job, output: Output) -> Channel | None:
        """The channel that made this output; None when it is gone."""
        return self.configuration.channel((await self._maker(job, output)).channel_id)

    async def _reached(self, job: Job, index: int, read: Callable[[Job, Way | None], Awaitable[Found]]) -> Found:
        """What `read` finds by the way of who made the output, and once more with a fresh link if the first was dead."""
        output = output_of(job, index)
        maker = await self._maker(job, output)
        channel = self.configuration.channel(maker.channel_id)
        if channel is None:
            return await read(job, None)
        credential = self.credentials.of(channel, maker.credential_id)
        way = Way(channel.base_url, adapters()[maker.adapter], credential)
        job = replace(job, settings=channel.settings, upstream_id=maker.upstream_id, facts=maker.facts)
        try:
            return await read(job, way)
        except NotFound as error:
            fresh = (
                await renewed(self.sources.vendors, channel, credential, maker, output) if error.code == "video_expired" else None
            )
            if fresh is None:
                raise
        return await read(replace(job, outputs=(*job.outputs[:index], fresh, *job.outputs[index + 1 :])), way)

    async def _maker(self, job: Job, output: Output) -> Job:
        """The job whose channel made this output: a part of it where it was split."""
        if output.part is None:
            return job
        async with self.database.read() as connection:
            return await job_store.get(connection, output.part) or job

    async def inline(self, job: Job, index: int) -> str:
        """One output as bare base64."""
        return pybase64.b64encode_as_string(await self.whole(job, index))

    async def whole(self, job: Job, index: int) -> bytes:
        """One output's bytes; raises UpstreamUnreadable for one that is too large for that."""
        output = output_of(job, index)
        if output.data is not None:
            return output.data
        content = await self.content(job, index, Ask())
        chunks, size = [], 0
        try:
            async for chunk in content.chunks:
                size += len(chunk)
                if size > INLINE_LIMIT:
                    raise UpstreamUnreadable("The vendor's picture is too large for an inline answer; ask for a URL.")
                chunks.append(chunk)
        finally:
            await content.close()
        return b"".join(chunks)


def output_of(job: Job, index: int) -> Output:
    """A finished job's output; raises what a client must hear otherwise."""
    if job.status is JobStatus.FAILED and not job.delivered_late:
        code = job.failure.code if job.failure else "generation_failed"
        raise InvalidRequest(job.failure.message if job.failure else "The job failed.", code=code, param="id")
    if not job.status.final:
        raise InvalidRequest(f"The video is not ready yet; its status is {job.status}.", code="video_not_ready", param="id")
    if not 0 <= index < len(job.outputs):
        raise NotFound(f"This job has {len(job.outputs)} result(s); there is no index {index}.", code="not_found", param="index")
    return job.outputs[index]

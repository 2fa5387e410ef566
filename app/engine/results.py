"""The files of a finished job: as bytes for an answer, or as a stream for a download."""

import base64
from dataclasses import dataclass, replace

from app.adapters.registry import adapters
from app.domain.errors import InvalidRequest, NotFound, UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Output
from app.engine.configuration import Configuration
from app.engine.content import Ask, Content, Variant, open_content
from app.engine.content_source import Sources, Way
from app.engine.credentials import Credentials
from app.engine.links import Links
from app.engine.renewal import renewed
from app.store import jobs as job_store
from app.store.database import Database

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
        output = output_of(job, index)
        maker = await self._maker(job, output)
        channel = self.configuration.channel(maker.channel_id)
        if channel is None:
            return await open_content(job, index, ask, way=None, sources=self.sources, variant=variant)
        credential = self.credentials.of(channel, maker.credential_id)
        way = Way(channel.base_url, adapters()[maker.adapter], credential)
        job = replace(job, settings=channel.settings, upstream_id=maker.upstream_id, facts=maker.facts)
        try:
            return await open_content(job, index, ask, way=way, sources=self.sources, variant=variant)
        except NotFound as error:
            fresh = (
                await renewed(self.sources.vendors, channel, credential, maker, output) if error.code == "video_expired" else None
            )
            if fresh is None:
                raise
        job = replace(job, outputs=(*job.outputs[:index], fresh, *job.outputs[index + 1 :]))
        return await open_content(job, index, ask, way=way, sources=self.sources, variant=variant)

    async def _maker(self, job: Job, output: Output) -> Job:
        """The job whose channel made this output: a part of it where it was split."""
        if output.part is None:
            return job
        async with self.database.read() as connection:
            return await job_store.get(connection, output.part) or job

    async def inline(self, job: Job, index: int) -> str:
        """One output as bare base64."""
        return base64.b64encode(await self.whole(job, index)).decode()

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

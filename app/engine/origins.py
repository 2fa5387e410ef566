"""Sources that are given by id: which job of the key is meant, and in which form its vendor takes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.capabilities import InputRule
from app.domain.channels import Channel, Key
from app.domain.errors import InputRefused, InvalidRequest, NotFound
from app.domain.jobs import Job, JobStatus
from app.domain.media import Form, Media, Origin, Role
from app.domain.replacing import replace
from app.domain.requests import Request
from app.engine.content import Ask
from app.engine.results import Results
from app.store import jobs as job_store
from app.store.database import Database

_OURS = ("task_", "image_")
_LARGEST = 256 * 1024 * 1024  # bytes of a source that has to be handed over as a file
_SCHEME = "task:"


@dataclass(frozen=True, slots=True)
class Origins:
    """Finds source jobs and brings their results to other vendors."""

    database: Database
    results: Results
    public_url: str

    async def found(self, request: Request, key: Key) -> Request:
        """The request with the origin of each medium that is one of the key's own jobs.

        Raises NotFound for an id that looks like ours and is not the key's, InvalidRequest for a job without a result.
        """
        if not any(item.scheme == "task" for item in request.media):
            return request
        return replace(request, media=tuple([await self._with_origin(item, key) for item in request.media]))

    async def placed(
        self,
        item: Media,
        channel: Channel,
        rules: Mapping[Role, InputRule] | None,
        uploads: dict[str, bytes],
        *,
        dry_run: bool = False,
    ) -> Media:
        """A source by id in a form that this channel takes: the vendor's own id, a link, or the bytes (added to `uploads`).

        `dry_run` fetches nothing: a placeholder stands for bytes.
        """
        if item.scheme != "task" or item.form is not None:
            return item
        rule = None if rules is None else rules.get(item.role)
        forms = (Form.TASK, Form.URL, Form.UPLOAD) if rules is None else rule.forms if rule else ()
        if Form.TASK in forms and (item.origin is None or item.origin.channel_id == channel.id):
            upstream_id = item.origin.upstream_id if item.origin else item.src.removeprefix(_SCHEME)
            return replace(item, src=upstream_id, form=Form.TASK)
        if item.origin is None:
            raise NotFound(
                f"No task with the id {item.src.removeprefix(_SCHEME)!r} exists.", code="task_not_exist", param=item.param
            )
        job = await self._job(item.origin.job_id)
        link = self._link(job)
        if Form.URL in forms and link is not None:
            return replace(item, src=link)
        name = f"upload:{item.param}#0:{item.origin.job_id}.mp4"
        uploads[name] = b"<bytes of URL>" if dry_run else await self._bytes(job, item)
        return replace(item, src=name)

    async def _with_origin(self, item: Media, key: Key) -> Media:
        if item.scheme != "task":
            return item
        job_id = item.src.removeprefix(_SCHEME)
        job = await self.database.ask(lambda connection: job_store.get(connection, job_id, key_id=key.id))
        if job is None:
            if job_id.startswith(_OURS):
                raise NotFound(f"No task with the id {job_id!r} exists.", code="task_not_exist", param=item.param)
            return item
        if job.status is not JobStatus.COMPLETED:
            raise InvalidRequest(f"The source job is {job.status}; it has no result.", code="video_not_ready", param=item.param)
        made = Origin(job.id, job.channel_id, job.credential_id, job.upstream_id or "", job.facts)
        return replace(item, origin=made)

    async def _job(self, job_id: str) -> Job:
        async with self.database.read() as connection:
            job = await job_store.get(connection, job_id)
        if job is None:
            raise NotFound(f"No task with the id {job_id!r} exists.", code="task_not_exist")
        return job

    def _link(self, job: Job) -> str | None:
        """A link that another vendor can fetch: ours where we have a public address, else the maker's own if it is open."""
        if self.public_url:
            return self.results.links.result(job.id, 0)
        url = job.outputs[0].url or ""
        return url if url.startswith("https://") else None

    async def _bytes(self, job: Job, item: Media) -> bytes:
        content = await self.results.content(job, 0, Ask())
        pieces: list[bytes] = []
        size = 0
        try:
            async for chunk in content.chunks:
                size += len(chunk)
                if size > _LARGEST:
                    raise InputRefused("The source video is too large to be handed over as a file.", param=item.param)
                pieces.append(chunk)
        finally:
            await content.close()
        return b"".join(pieces)

"""Pictures in the format that the client asked for, whatever its vendor makes."""

import asyncio
import io
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from app.domain.errors import GatewayError, NotFound, UpstreamUnreadable
from app.domain.fit_scalars import CONVERTED
from app.domain.jobs import Job, JobStatus, Output
from app.domain.replacing import replace
from app.domain.requests import ImageRequest
from app.engine.assets import Asset, Assets
from app.engine.results import Results
from app.engine.sniff import mime_of
from app.store import copies as copy_store
from app.store import jobs as job_store
from app.store.database import Database

_USUAL_QUALITY = 90  # percent, for JPEG and WebP where the client names none
_MOST_PIXELS = 100_000_000  # a decompression bomb stays a file
_SOON = 30.0  # seconds
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Made:
    data: bytes
    asset: Asset


_Findings = Mapping[int, _Made | None]  # by index of the output; None: its vendor's file is as it was asked for


@dataclass(frozen=True, slots=True)
class Formats:
    """Converts what a vendor could not be asked for, once: of equal questions the first has it done, the others wait for that."""

    database: Database
    results: Results
    assets: Assets
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)  # by job

    async def applied(self, job: Job) -> Job:
        """The finished job with every picture in the asked format, as files of ours; any other job as it is.

        Raises UpstreamUnreadable for what is no picture, and what `Results.content` raises.
        """
        wanted = unmade(job)
        if wanted is None:
            return job
        lock = self._locks.setdefault(job.id, asyncio.Lock())
        async with lock:
            return await self._applied(job, wanted)

    async def applied_soon(self, job: Job) -> Job:
        """`applied` for who can wait neither long nor for another try: the job as it is where that does not work."""
        try:
            async with asyncio.timeout(_SOON):
                return await self.applied(job)
        except (GatewayError, OSError) as error:  # TimeoutError is an OSError
            _log.warning("job %s: its pictures are not in the asked format yet (%s)", job.id, type(error).__name__)
            return job

    async def _applied(self, job: Job, wanted: str) -> Job:
        async with self.database.read() as connection:
            stored = await job_store.get(connection, job.id)
        if stored is not None:
            job = _as_in(job, stored)
        found = await self._found(job, wanted)
        if not found:
            return job
        before, after = await self._write_down(job.id, found, wanted)
        changed = job if after is None else _as_in(job, after)
        kept = _files(after)
        await self._remove((_files(before) - kept) | {made.asset.name for made in found.values() if made} - kept)
        return _with_data(changed, found)

    async def _found(self, job: Job, wanted: str) -> _Findings:
        found: dict[int, _Made | None] = {}
        try:
            for index, output in enumerate(job.outputs):
                if output.format != wanted:
                    found[index] = await self._made(job, index, wanted)
        except BaseException:
            await self._remove({made.asset.name for made in found.values() if made})
            raise
        return found

    async def _made(self, job: Job, index: int, wanted: str) -> _Made | None:
        data = await self.results.whole(job, index)
        if mime_of(data) == f"image/{wanted}":
            return None
        quality = job.asked.output_compression if isinstance(job.asked, ImageRequest) else None
        made = await asyncio.to_thread(_converted, data, wanted, quality)
        return _Made(made, await self.assets.put(job.id, made, f"image/{wanted}"))

    async def _write_down(self, job_id: str, found: _Findings, wanted: str) -> tuple[Job | None, Job | None]:
        """The job before and after; another process may have been faster, or the job may be gone."""
        async with self.database.write() as connection:
            stored = await job_store.lock(connection, job_id)
            if stored is None:
                return None, None
            outputs = [
                _formed(output, found[index], wanted) if index in found and output.format != wanted else output
                for index, output in enumerate(stored.outputs)
            ]
            changed = copy_store.with_outputs(stored, tuple(outputs))
            await job_store.replace_outputs(connection, changed)
        return stored, changed

    async def _remove(self, names: set[str]) -> None:
        """What was copied in another format is not what the client asked for; what was made in vain is nobody's."""
        for name in names:
            with suppress(NotFound, OSError):  # a file that nothing refers to is no reason to refuse a picture
                await self.assets.delete(name)


def unmade(job: Job) -> str | None:
    """The format in which some result of a whole job is not known to be: its client asked for it, its vendor was not asked."""
    asked, sent = job.asked, job.request
    if job.parent_id is not None or not (job.status is JobStatus.COMPLETED or job.delivered_late):
        return None
    if not isinstance(asked, ImageRequest) or not isinstance(sent, ImageRequest):
        return None
    if asked.output_format not in CONVERTED or sent.output_format is not None:
        return None
    return asked.output_format if any(output.format != asked.output_format for output in job.outputs) else None


def _formed(output: Output, made: _Made | None, wanted: str) -> Output:
    formed = replace(output, mime=f"image/{wanted}", format=wanted)
    if made is None:
        return formed
    return replace(formed, asset=made.asset.name, size=made.asset.size, sha256=made.asset.sha256)


def _as_in(job: Job, stored: Job) -> Job:
    """The job with its results as they are stored; what is never written down of a private one stays on it."""
    outputs = [
        replace(kept, data=output.data if kept.format == output.format else None, revised_prompt=output.revised_prompt)
        for output, kept in zip(job.outputs, stored.outputs, strict=True)
    ]
    return replace(job, outputs=tuple(outputs), expires_at=stored.expires_at)


def _with_data(job: Job, found: _Findings) -> Job:
    """The bytes that were made stay on the value for whoever answers now, and need not be read again."""
    outputs = [
        replace(output, data=made.data, mime=made.asset.mime) if (made := found.get(index)) else output
        for index, output in enumerate(job.outputs)
    ]
    return replace(job, outputs=tuple(outputs))


def _files(job: Job | None) -> set[str]:
    return {output.asset for output in job.outputs if output.asset is not None} if job is not None else set()


def _converted(data: bytes, wanted: str, quality: int | None) -> bytes:
    from PIL import Image  # 2 MB that only a conversion needs

    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise UpstreamUnreadable("The vendor's picture is too large to be converted.")
            ready = picture.convert("RGB") if wanted == "jpeg" or picture.mode not in ("RGB", "RGBA", "L") else picture
            target = io.BytesIO()
            ready.save(target, wanted.upper(), **({} if wanted == "png" else {"quality": quality or _USUAL_QUALITY}))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UpstreamUnreadable("The vendor's picture cannot be read.") from error
    return target.getvalue()

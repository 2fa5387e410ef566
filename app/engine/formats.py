"""Pictures in the format that the client asked for, whatever its vendor makes."""

import asyncio
import io
from dataclasses import dataclass, replace

from PIL import Image

from app.domain.errors import UpstreamUnreadable
from app.domain.fit_scalars import CONVERTED
from app.domain.jobs import Job, JobStatus, Output
from app.domain.requests import ImageRequest
from app.engine.assets import Assets
from app.engine.results import Results
from app.engine.sniff import mime_of
from app.store import jobs as job_store
from app.store.database import Database

_USUAL_QUALITY = 90  # percent, for JPEG and WebP where the client names none
_MOST_PIXELS = 100_000_000  # a decompression bomb stays a file


@dataclass(frozen=True, slots=True)
class Formats:
    """Converts what a vendor could not be asked for."""

    database: Database
    results: Results
    assets: Assets

    async def applied(self, job: Job) -> Job:
        """The finished job with every picture in the asked format, as files of ours; raises UpstreamUnreadable."""
        wanted = _wanted(job)
        if wanted is None:
            return job
        outputs = [await self._converted(job, index, output, wanted) for index, output in enumerate(job.outputs)]
        if tuple(outputs) == job.outputs:
            return job
        changed = replace(job, outputs=tuple(outputs))
        async with self.database.write() as connection:
            await job_store.replace_outputs(connection, changed)
        return changed

    async def _converted(self, job: Job, index: int, output: Output, wanted: str) -> Output:
        data = await self.results.whole(job, index)
        if mime_of(data) == f"image/{wanted}":
            return output
        asked = job.asked
        quality = asked.output_compression if isinstance(asked, ImageRequest) else None
        made = await asyncio.to_thread(_converted, data, wanted, quality)
        asset = await self.assets.put(job.id, made, f"image/{wanted}")
        return replace(output, data=made, asset=asset.name, mime=asset.mime)


def _wanted(job: Job) -> str | None:
    """The format to make, where the client asked for one and its vendor was not asked for it."""
    asked, sent = job.asked, job.request
    if job.status is not JobStatus.COMPLETED or not isinstance(asked, ImageRequest) or not isinstance(sent, ImageRequest):
        return None
    return asked.output_format if asked.output_format in CONVERTED and sent.output_format is None else None


def _converted(data: bytes, wanted: str, quality: int | None) -> bytes:
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

"""What a webhook says of a job: the object that its client's GET would show, with links that work without a key."""

from app.api.dialects.images import Picture, image_job_object
from app.api.dialects.videos import video_object
from app.domain.jobs import Job
from app.domain.json import Json
from app.engine.links import Links
from app.engine.webhooks import Render


def teller(links: Links) -> Render:
    """Writes jobs down; pictures are links here, however their client asked for them, so that a receiver may answer in time."""

    def told(job: Job, base: str) -> dict[str, Json]:
        if job.op == "video":
            return video_object(job, lambda index, variant=None: links.result(job.id, index, base, variant))
        return image_job_object(job, [Picture(url=links.result(job.id, index, base)) for index in range(len(job.outputs))])

    return told

"""Which of MiniMax's four protocols a model speaks; the names say it, so that new members of a family need no code."""

import re
from enum import Enum, auto

from app.domain.jobs import Job

_H_FAMILY = re.compile(r"MiniMax-H\d", re.IGNORECASE)  # H3 and what follows it; not Hailuo


class Api(Enum):
    """A protocol."""

    FILMS = auto()  # /v1/video_generation: flat fields, the result is a file id
    CONTENT = auto()  # /v2/video_generation: `content[]`, the result is a link
    PICTURES = auto()  # /v1/image_generation
    OPENAI = auto()  # /v1/images/generations and /edits


def api_of(job: Job) -> Api:
    """The protocol of the job's upstream model."""
    newer = _H_FAMILY.match(job.upstream_model) is not None
    if job.op == "image":
        return Api.OPENAI if newer else Api.PICTURES
    return Api.CONTENT if newer else Api.FILMS

"""A picture, clip or sound that a client gave, and what it is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class MediaType(StrEnum):
    """What kind of thing it is."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class Role(StrEnum):
    """What the model shall do with it (normalisation.md §5)."""

    FIRST_FRAME = "first_frame"
    LAST_FRAME = "last_frame"
    REFERENCE_IMAGE = "reference_image"
    REFERENCE_VIDEO = "reference_video"
    SOURCE_VIDEO = "source_video"
    REFERENCE_AUDIO = "reference_audio"
    IMAGE = "image"  # input of an image operation
    MASK = "mask"  # input of an image operation: where to paint


class Form(StrEnum):
    """A way in which an adapter can hand media to its vendor; a model card lists them in order of preference."""

    URL = "url"  # a public http(s) link
    DATA_URI = "data_uri"  # data:<mime>;base64,<…>
    BASE64 = "base64"  # the bare base64 text
    UPLOAD = "upload"  # raw bytes, for a multipart part
    VERBATIM = "verbatim"  # a vendor's own scheme (asset://, mm_file://, gs://, …), passed on untouched
    TASK = "task"  # the vendor's own id of a job that it made; `origin` holds what else it answered then


@dataclass(frozen=True, slots=True)
class Origin:
    """One of our jobs as the source of another: who made it, and the vendor's id and facts of it."""

    job_id: str
    channel_id: str
    credential_id: str
    upstream_id: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Media:
    """One input, in client order.

    `src` is one of: an http(s) URL; `data:<mime>;base64,<…>`; a vendor's scheme such as `asset://…`; `file:<id>`;
    `task:<id>` (a job of ours, then with `origin`, or an id of the vendor);
    `upload:<part>#<index>:<filename>` (bytes that came as a multipart part).
    `param` is the name that the client wrote, for error messages.
    Adapters see media only after the engine has brought them to a form that the model card lists: `form` then says which,
    `mime` is known, and `data` holds the raw bytes where the form is BASE64, DATA_URI or UPLOAD (`src` is then only a label).
    """

    type: MediaType
    role: Role
    src: str
    param: str = field(default="", compare=False)
    form: Form | None = None
    mime: str | None = None
    data: bytes | None = field(default=None, repr=False)
    origin: Origin | None = field(default=None, compare=False)

    @property
    def scheme(self) -> str:
        """The part of `src` before the first colon, lower-case."""
        return self.src.partition(":")[0].lower()

"""What one sandbox job shall make: read from the wire strictly, because it decides what is written to disk."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["image", "video"]
Wire: TypeAlias = Mapping[str, object]

MAX_SIDE = 16_384  # pixels
MAX_AREA = 4096 * 4096
MAX_SECONDS = 60.0
MAX_DELAY = 600.0
MIMES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "mp4": "video/mp4"}

_ID = re.compile(r"[A-Za-z0-9_-]{1,120}")
_FILE = re.compile(rf"[A-Za-z0-9_-]{{1,120}}-\d{{1,2}}\.(?:{'|'.join(MIMES)})")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class BadSpec(ValueError):
    """A body that the sandbox does not take; `param` is the key that is wrong."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One job's wish. Lengths in seconds, sizes in pixels, `accepted` in Unix seconds, `quality` in percent.

    `delay`, `fail` and `steps` steer how the job ends; they change nothing in the files.
    """

    job: str
    kind: Kind
    accepted: float
    width: int
    height: int
    n: int
    format: str
    seed: int
    prompt: str = ""
    notes: Sequence[str] = ()
    seconds: float = 0.0
    fps: int = 24
    audio: bool = False
    quality: int | None = None
    delay: float = 0.0
    fail: str | None = None
    steps: int | None = None

    def upstream_id(self) -> str:
        """The same wish always has the same id, so that a create sent twice makes one job."""
        wish = {key: value for key, value in asdict(self).items() if key not in ("accepted", "delay", "fail", "steps")}
        digest = hashlib.sha256(repr(sorted(wish.items())).encode("utf-8", "replace")).hexdigest()
        return f"{re.sub(r'[^A-Za-z0-9_-]', '-', self.job)[:80]}-{digest[:12]}"

    def file_names(self, upstream_id: str) -> tuple[str, ...]:
        """The files that this job makes, in order."""
        return tuple(f"{upstream_id}-{index}.{self.format}" for index in range(self.n))


def is_file_name(text: str) -> bool:
    """Whether this can be the name of a result: one path segment of our own making."""
    return _FILE.fullmatch(text) is not None


def read_id(body: Wire, spec: Spec) -> str:
    """The job's upstream id as the body gives it, or the one that its create gets."""
    given = body.get("id")
    if given is None:
        return spec.upstream_id()
    if not isinstance(given, str) or _ID.fullmatch(given) is None:
        raise BadSpec("id", "No such job.")
    return given


def read_spec(body: Wire) -> Spec:
    """A create or status body as a Spec; raises BadSpec naming the key that is wrong."""
    kind = _kind(body)
    steering = body.get("sandbox") or {}
    if not isinstance(steering, Mapping):
        raise BadSpec("sandbox", "sandbox must be an object.")
    job = _text(body, "job")
    width, height = _sides(body, kind)
    return Spec(
        job=job,
        kind=kind,
        accepted=_number(body, "accepted_at", 0, 1e11),
        width=width,
        height=height,
        n=_whole(body, "n", 1, 10, default=1),
        format="mp4" if kind == "video" else _image_format(body),
        seed=_whole(body, "seed", -(2**63), 2**64, default=int(hashlib.sha256(job.encode("utf-8", "replace")).hexdigest()[:6], 16)),
        prompt=_text(body, "prompt", default=""),
        notes=_notes(body),
        seconds=_number(body, "seconds", 0.1, MAX_SECONDS) if kind == "video" else 0.0,
        fps=_whole(body, "fps", 1, 120, default=24),
        audio=body.get("audio") is True,
        quality=None if body.get("quality") is None else _whole(body, "quality", 0, 100),
        delay=_number(steering, "delay", 0, MAX_DELAY, default=0.0),
        fail=_fail(steering),
        steps=None if steering.get("progress_steps") is None else _whole(steering, "progress_steps", 1, 1000),
    )


def _kind(body: Wire) -> Kind:
    kind = body.get("kind")
    if kind == "image":
        return "image"
    if kind == "video":
        return "video"
    raise BadSpec("kind", "kind is image or video.")


def _sides(body: Wire, kind: Kind) -> tuple[int, int]:
    """Width and height; a clip's are made even, as 4:2:0 video needs."""
    width, height = _whole(body, "width", 16, MAX_SIDE), _whole(body, "height", 16, MAX_SIDE)
    if width * height > MAX_AREA:
        raise BadSpec("width", f"The sandbox makes at most {MAX_AREA} pixels.")
    return (width + width % 2, height + height % 2) if kind == "video" else (width, height)


def _image_format(body: Wire) -> str:
    found = body.get("format", "png")
    if found not in ("png", "jpeg", "webp"):
        raise BadSpec("format", "format is png, jpeg or webp.")
    return str(found)


def _fail(steering: Wire) -> str | None:
    code = steering.get("fail")
    if code is None:
        return None
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise BadSpec("sandbox.fail", "fail must be an error code.")
    return code


def _notes(body: Wire) -> tuple[str, ...]:
    notes = body.get("notes") or []
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise BadSpec("notes", "notes must be a list of texts.")
    return tuple(str(note) for note in notes)


def _text(body: Wire, key: str, default: str | None = None) -> str:
    value = body.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise BadSpec(key, f"{key} must be a text.")
    return value


def _number(body: Wire, key: str, low: float, high: float, default: float | None = None) -> float:
    value = body.get(key)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadSpec(key, f"{key} must be a number from {low:g} to {high:g}.")
    return value


def _whole(body: Wire, key: str, low: int, high: int, default: int | None = None) -> int:
    value = _number(body, key, low, high, default)
    if value != int(value):
        raise BadSpec(key, f"{key} must be a whole number.")
    return int(value)

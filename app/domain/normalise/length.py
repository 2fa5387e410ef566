"""How long a video shall be, in seconds, frames or both (normalisation.md §4.1)."""

from dataclasses import dataclass

from app.domain.normalise.fields import DURATION, FPS, FRAMES
from app.domain.normalise.reader import Body
from app.domain.normalise.readings import LONGEST_DURATION
from app.domain.normalise.values import wrong_value

_NAMES = DURATION.outer | FRAMES.outer | FPS.outer
_USUAL_FPS = 24


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds (None: unsaid or up to the model), whether the model shall choose, frames, frames per second."""

    seconds: float | None
    auto: bool
    frames: int | None
    fps: int | None


_UNSAID = Length(None, False, None, None)


def read_length(body: Body) -> Length:
    """The length as written; seconds follow from frames when only those are given."""
    if not body.holds(_NAMES):
        return _UNSAID
    seconds, frames, fps = body.take(DURATION), body.take(FRAMES), body.take(FPS)
    if isinstance(seconds, str):
        return Length(None, True, frames, fps)
    if seconds is None and frames is not None:
        seconds = _seconds(frames, fps)
        body.named["duration"] = body.named["frames"]
        if seconds > LONGEST_DURATION:
            raise wrong_value(body.named["frames"], f"is more than {LONGEST_DURATION} seconds")
    return Length(seconds, False, frames, fps)


def _seconds(frames: int, fps: int | None) -> float:
    """Frames in time; without a rate 24 a second, of which the first frame is often counted extra (121 -> 5)."""
    if fps is None and frames > 1 and (frames - 1) % _USUAL_FPS == 0:
        return (frames - 1) // _USUAL_FPS
    seconds = round(frames / (fps or _USUAL_FPS), 2)
    return int(seconds) if seconds == int(seconds) else seconds

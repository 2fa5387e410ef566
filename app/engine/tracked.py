"""An open job as the poller keeps it: small, because there may be very many."""

from collections import deque
from dataclasses import dataclass, field

from app.domain.jobs import Job
from app.engine.packing import Packed, packed, unpacked
from app.engine.spans import Origin

LANE, WIDEST = 32, 256  # questions to one channel at the same time: usually, and while very many wait
_WAITING_PER_SLOT = 2
_SLOW, _NEWEST = 0.05, 0.1  # seconds that an answer of a slow vendor takes; weight of the newest one


@dataclass(slots=True)
class Lane:
    """The questions that wait for one channel; a hung vendor fills only its own.

    It has as many slots as questions may be out at the same time: more of them while very many wait for a vendor that answers
    slowly. Where answers come quickly and many wait all the same, it is this process that has no time.
    """

    waiting: "deque[tuple[str, Tracked]]" = field(default_factory=deque)
    running: int = 0
    takes: float = 0.0  # seconds from a question to its answer, of late, without those in which this process had no time

    @property
    def slots(self) -> int:
        """How many questions may be out now."""
        if self.takes < _SLOW:
            return LANE
        return min(max(LANE, len(self.waiting) // _WAITING_PER_SLOT), WIDEST)

    @property
    def free(self) -> bool:
        """Whether somebody waits for whom there is a slot."""
        return bool(self.waiting) and self.running < self.slots

    def took(self, seconds: float) -> None:
        """One more answer came."""
        self.takes += _NEWEST * (seconds - self.takes)


@dataclass(slots=True)
class Trouble:
    """What is out of the ordinary with a job; most have none."""

    failures: int = 0
    gone: int = 0
    lookups: int = 0
    unsaved: bool = False  # what is known of the job could not be written yet
    unsure: bool = False  # nothing was sent for the job, and nobody knows whether it is stored
    held: Job | None = None  # what the job was before, where it can wait on


@dataclass(slots=True)
class Tracked:
    """A job being polled; packed, save while it is new or somebody looks at it."""

    kept: Packed
    lane: Lane
    heard: float  # since when the vendor may have ended it unnoticed
    due: float = 0.0  # when the next question is due
    trouble: Trouble | None = None
    origin: Origin | None = None  # what of the request that made it is traced
    busy: bool = False  # a question is waiting or out, or its news are being written
    hurried: bool = False  # ask again at once when it is answered

    @property
    def job(self) -> Job:
        """The job as it was last heard of."""
        return unpacked(self.kept)

    def keep(self, job: Job) -> None:
        """The job is like this now."""
        self.kept = packed(job)

    def rest(self) -> None:
        """Nobody looks at the job for a while."""
        if isinstance(self.kept, Job):
            self.keep(self.kept)

    def troubled(self) -> Trouble:
        """What is out of the ordinary, to add to it."""
        if self.trouble is None:
            self.trouble = Trouble()
        return self.trouble

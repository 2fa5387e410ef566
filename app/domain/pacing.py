"""When to ask a vendor next: often enough to notice the end soon, seldom enough to stay below 15 polls a job."""

from collections import deque
from dataclasses import dataclass, field

_LEARNING = 0.2  # weight of the newest job in the learned pace
_EARLY = 0.75  # part of the pace in which few end
_COHORT = 20.0  # seconds; jobs accepted within are learned from together
FASTEST, SLOWEST = 1.0, 10.0  # seconds between two polls


def poll_interval(age: float, pace: float) -> float:
    """Seconds until the next poll of a job that was accepted `age` seconds ago and typically takes `pace`.

    Doubles from one second (quick models are noticed quickly) up to an eighth of the pace; in its last quarter, when most end,
    it is a twelfth; a job that takes longer than its pace is asked ever less often, down to every sixth of its age.
    """
    step = clamp(pace / 12.0, FASTEST, SLOWEST)
    if age > pace:
        return clamp(min(step * (age / pace) ** 2, age / 6.0), step, 2.0 * SLOWEST if age > 2.0 * pace else SLOWEST)
    if age > pace * _EARLY:
        return step
    return clamp(age, FASTEST, clamp(pace / 8.0, FASTEST, SLOWEST))


def learned(pace: float, took: float, number: int = 1) -> float:
    """The pace after so many more jobs took this long on average: an exponential average, seconds."""
    return took + (1.0 - _LEARNING) ** number * (pace - took)


@dataclass(slots=True)
class _Cohort:
    start: float
    number: int = 0
    total: float = 0.0  # seconds that they took together


@dataclass(slots=True)
class Learning:
    """Learns a model's pace without favouring the quick: of jobs that began together, those end first.

    The first job counts at once. Later ones count together with those that were accepted at about the same time, when even those
    that take twice the pace have had time to end.
    """

    _cohorts: deque[_Cohort] = field(default_factory=deque)  # the oldest first

    def learn(self, pace: float, accepted: float, took: float) -> float:
        """The pace after one more job ended; `accepted` is on any clock of seconds."""
        now = accepted + took
        if self._cohorts and now < self._cohorts[0].start:  # the clock was set back
            self._cohorts.clear()
        if not self._cohorts:
            self._cohorts.append(_Cohort(accepted))
            return learned(pace, took)
        cohort = self._cohort(accepted)
        cohort.number, cohort.total = cohort.number + 1, cohort.total + took
        while self._cohorts and self._cohorts[0].start + _COHORT + 2.0 * pace <= now:
            whole = self._cohorts.popleft()
            if whole.number:
                pace = learned(pace, whole.total / whole.number, whole.number)
        return pace

    def _cohort(self, accepted: float) -> _Cohort:
        """Those that were accepted at about that time; the oldest, where those are known already."""
        newest = self._cohorts[-1]
        if accepted >= newest.start + _COHORT:
            self._cohorts.append(_Cohort(accepted))
            return self._cohorts[-1]
        return next((one for one in reversed(self._cohorts) if one.start <= accepted), self._cohorts[0])


def poll_after_ms(pace: float) -> int:
    """What clients are told to wait between two reads: 1000 to 10000 milliseconds (CONTRACT §1)."""
    return round(clamp(pace / 12.0, FASTEST, SLOWEST) * 1000)


def clamp(value: float, low: float, high: float) -> float:
    """The value, kept between both."""
    return min(max(value, low), high)

"""When to ask a vendor next: often enough to notice the end soon, seldom enough to stay below 15 polls a job."""

_LEARNING = 0.2  # weight of the newest job in the learned pace
FASTEST, SLOWEST = 1.0, 10.0  # seconds between two polls


def poll_interval(age: float, pace: float) -> float:
    """Seconds until the next poll of a job that was accepted `age` seconds ago and typically takes `pace`.

    Doubles from one second (quick models are noticed quickly) up to a twelfth of the pace; a job that takes more than twice
    its pace is asked ever less often.
    """
    step = clamp(pace / 12.0, FASTEST, SLOWEST)
    if age > 2.0 * pace:
        return clamp(age / 12.0, step, 2.0 * SLOWEST)
    return clamp(age, FASTEST, step)


def learned(pace: float, took: float) -> float:
    """The pace after one more job took this long: an exponential average, seconds."""
    return pace + _LEARNING * (took - pace)


def poll_after_ms(pace: float) -> int:
    """What clients are told to wait between two reads: 1000 to 10000 milliseconds (CONTRACT §1)."""
    return round(clamp(pace / 12.0, FASTEST, SLOWEST) * 1000)


def clamp(value: float, low: float, high: float) -> float:
    """The value, kept between both."""
    return min(max(value, low), high)

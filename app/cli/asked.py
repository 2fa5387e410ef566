"""What `filmgate serve` is asked for; a plain one is understood here, for a server that then keeps no command line in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST_WORKERS, LAST_PORT = 256, 65_535


@dataclass(frozen=True, slots=True)
class Asked:
    """Where to listen (port 0 is any free one), and with how many processes."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1


def plainly_asked(words: Sequence[str]) -> Asked | None:
    """What these words ask for; None for another command, and for whatever somebody has to explain or to refuse."""
    if words[:1] != ["serve"]:
        return None
    asked, rest = Asked(), iter(words[1:])
    for word in rest:
        name, given, value = word.partition("=")
        changed = _with(asked, name, value if given else next(rest, ""))
        if changed is None:
            return None
        asked = changed
    return asked


def _with(asked: Asked, name: str, value: str) -> Asked | None:
    if name == "--host" and value and not value.startswith("-"):
        return replace(asked, host=value)
    number = int(value) if value.isascii() and value.isdecimal() and len(value) <= 5 else -1
    if name == "--port" and 0 <= number <= LAST_PORT:
        return replace(asked, port=number)
    if name == "--workers" and 1 <= number <= MOST_WORKERS:
        return replace(asked, workers=number)
    return None

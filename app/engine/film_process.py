"""The process that looks into films: `python -m app.engine.film_process VARIANT`, the film on stdin, what is made on stdout.

Both are files, not pipes. It bounds itself, and it alone loads the decoders. Exit 65: nothing can be made of this film; stderr
says why.
"""

import os
import sys
from contextlib import suppress

UNREADABLE = 65  # EX_DATAERR
_NICE = 10
_MEMORY = 2 * 1024**3  # bytes of address space, libraries included
_CPU = 60  # seconds
_LARGEST = 128 * 1024**2  # bytes written


def main() -> int:
    """Makes one variant."""
    _bind()
    from app.engine.film import make  # its libraries too are loaded within the bounds
    from app.engine.film_reader import Unreadable

    try:
        made = make(sys.argv[1], sys.stdin.buffer)
    except Unreadable as error:
        sys.stderr.write(str(error))
        return UNREADABLE
    sys.stdout.buffer.write(made)
    sys.stdout.buffer.flush()
    return 0


def _bind() -> None:
    """Lower priority, and limits where the system has them."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _CPU),
        (resource.RLIMIT_FSIZE, _LARGEST),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, most in limits:
        with suppress(ValueError, OSError):  # a system that does not know it, or one that is stricter already
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    sys.exit(main())

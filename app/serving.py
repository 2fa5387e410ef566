"""The application as `filmgate serve` runs it, in each of its processes."""

import gc

from starlette.types import ASGIApp

from app.lean import leave_out_the_unused, share_one_heap


def application() -> ASGIApp:
    """For an ASGI server's factory option; settings come from the environment."""
    gc.disable()
    share_one_heap()
    leave_out_the_unused()
    from app.main import app_from_environment  # after that

    made = app_from_environment()
    gc.freeze()  # what is there now stays for good: looking through it again and again takes a tenth of a second each time
    gc.set_threshold(10_000, 20, 20)  # a request makes some thousand objects and leaves none: looking less often saves 3 %
    gc.enable()
    return made

"""Bodies that the sandbox's endpoints take, as small as they can be."""

from tests.sandbox.conftest import START

Wish = dict[str, object]


def clip(**changes: object) -> Wish:
    """One second of 128x72."""
    wish: Wish = {
        "job": "task_1",
        "kind": "video",
        "accepted_at": START.timestamp(),
        "width": 128,
        "height": 72,
        "seconds": 1,
        "fps": 12,
    }
    return {**wish, "prompt": "A paper boat", **changes}


def picture(**changes: object) -> Wish:
    """A small PNG."""
    wish: Wish = {"job": "task_2", "kind": "image", "accepted_at": START.timestamp(), "width": 96, "height": 64}
    return {**wish, "prompt": "一只纸船 crosses a puddle", **changes}

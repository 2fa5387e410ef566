"""The lengths that a model makes, as people read them."""

from collections.abc import Sequence
from itertools import pairwise


def span_text(lengths: Sequence[float]) -> str:
    """Seconds in rising order: "4-15" where none is left out in between, else one by one."""
    if len(lengths) > 2 and all(after - before == 1 for before, after in pairwise(lengths)):
        return f"{lengths[0]:g}-{lengths[-1]:g}"
    return " ".join(f"{length:g}" for length in lengths)

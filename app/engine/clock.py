"""The clock, as the engine is given it."""

from collections.abc import Callable
from datetime import datetime

Now = Callable[[], datetime]  # aware UTC

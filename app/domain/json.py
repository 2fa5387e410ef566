"""The one name for values that came from, or go to, JSON.

Read-only views (`Mapping`, `Sequence`) so that a `dict[str, str]` fits without a cast.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]

"""One thing that `filmgate doctor` looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `detail` says what to do where it is not well."""

    about: str
    ok: bool
    detail: str

"""What a row of the alias table says about media fields, and what is known of a medium before roles are decided."""

from dataclasses import dataclass

from app.domain.media import MediaType, Role


@dataclass(frozen=True, slots=True)
class MediaRow:
    """Names of fields that hold media of one type, in reading order; `role` is fixed where the name says it."""

    type: MediaType
    names: tuple[str, ...]
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A medium as written: `role` is None until somebody says what it is for; `field` is the alias without its place."""

    type: MediaType
    role: Role | None
    src: str
    param: str
    field: str = ""

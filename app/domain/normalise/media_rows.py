"""What a row of the alias table says about media fields, and what is known of a medium before roles are decided."""

from dataclasses import dataclass, field

from app.domain.media import MediaType, Role


@dataclass(frozen=True, slots=True)
class MediaRow:
    """Names of fields that hold media of one type, in reading order; `role` is fixed where the name says it."""

    type: MediaType
    names: tuple[str, ...]
    role: Role | None = None
    outer: frozenset[str] = field(init=False, repr=False)  # the names, to tell at once that a body holds none of them

    def __post_init__(self) -> None:
        object.__setattr__(self, "outer", frozenset(self.names))


@dataclass(frozen=True, slots=True)
class Draft:
    """A medium as written: `role` is None until somebody says what it is for; `field` is the alias without its place."""

    type: MediaType
    role: Role | None
    src: str
    param: str
    field: str = ""

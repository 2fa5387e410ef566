"""What lists have in common: one page of it, filters that stay, and the way to the next page."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias
from urllib.parse import urlencode

from fastapi import Query

from app.domain.json import Json

PAGE = 50  # lines
Text: TypeAlias = Annotated[str, Query(max_length=200)]


def chosen(text: str) -> str | None:
    """A filter as the store wants it: an empty input is none, and what cannot be a name finds nothing."""
    trimmed = text.strip()
    return None if not trimmed else trimmed if trimmed.isprintable() else "?"


def older(path: str, filters: Mapping[str, str | None], last: Json) -> str | None:
    """The address of the page after this one, which begins after the line `last`; None where there is none."""
    if not isinstance(last, str):
        return None
    return f"{path}?{urlencode({**{name: text for name, text in filters.items() if text}, 'before': last})}"

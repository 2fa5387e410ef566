"""What operators ask about usage: which days and whose, told apart by what, and from which place on."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeAlias

import orjson
from fastapi import Depends, Query

from app.api.admin.types import ModelName, Name
from app.api.deps import GatewayDep
from app.domain.errors import InvalidRequest
from app.engine.job_desk import channel_id
from app.engine.money_desk import recent
from app.store.usage import Dimension, Wanted

_ALL = ",".join(Dimension)
_Day: TypeAlias = date | None


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """One question about usage; `after` is the place of the last line of the page before."""

    wanted: Wanted
    dimensions: tuple[Dimension, ...]
    after: dict[Dimension, str] | None

    def next(self, place: Mapping[Dimension, str]) -> str:
        """What goes into `before` to go on behind this place."""
        return base64.urlsafe_b64encode(orjson.dumps([place[dimension] for dimension in self.dimensions])).decode()


async def _wanted(
    gateway: GatewayDep,
    first: Annotated[_Day, Query(alias="from", description="A day in UTC, `YYYY-MM-DD`; by default the 30th last.")] = None,
    last: Annotated[_Day, Query(alias="to", description="A day in UTC, which counts too; by default today.")] = None,
    key_id: Name | None = None,
    model: ModelName | None = None,
    channel: Annotated[Name | None, Query(description="An id or a name.")] = None,
) -> Wanted:
    last = last or gateway.now().date()
    first = first or recent(last).first
    if first > last:
        raise InvalidRequest("`from` is a later day than `to`.", param="from")
    found = None if channel is None else channel_id(gateway.configuration, channel)
    return Wanted(first=first, last=last, key_id=key_id, model=model, channel_id=found)


async def _query(
    wanted: Annotated[Wanted, Depends(_wanted)],
    group_by: Annotated[str, Query(max_length=100, description="What to tell apart, separated by commas.")] = _ALL,
    before: Annotated[str | None, Query(max_length=2_000, description="`next` of the page before")] = None,
) -> UsageQuery:
    dimensions = _dimensions(group_by)
    return UsageQuery(wanted, dimensions, None if before is None else _place(before, dimensions))


UsageAsked: TypeAlias = Annotated[UsageQuery, Depends(_query)]


def _dimensions(text: str) -> tuple[Dimension, ...]:
    try:
        return tuple(dict.fromkeys(Dimension(name.strip()) for name in text.split(",")))
    except ValueError as error:
        raise InvalidRequest(f"`group_by` must hold one or more of {_ALL}.", param="group_by") from error


def _place(cursor: str, dimensions: tuple[Dimension, ...]) -> dict[Dimension, str]:
    try:
        found = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except ValueError as error:
        raise _unknown_place() from error
    if not isinstance(found, list) or len(found) != len(dimensions):
        raise _unknown_place()
    texts = [value for value in found if isinstance(value, str) and "\0" not in value]
    if len(texts) != len(dimensions):
        raise _unknown_place()
    return dict(zip(dimensions, texts, strict=True))


def _unknown_place() -> InvalidRequest:
    return InvalidRequest("`before` is not the `next` of a page with the same `group_by`.", param="before")

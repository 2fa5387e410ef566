"""What a reader of the usage page chose: which days, told apart by what, drawn how; and the addresses of other choices."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlencode

from fastapi import Depends, Query

from app.console.lists import Text, chosen
from app.console.viewer import Console
from app.domain.errors import InvalidRequest
from app.engine.job_desk import channel_id
from app.engine.money_desk import RECENT_DAYS
from app.store.usage import Dimension, Wanted

PERIODS = (1, 7, 30, 90)  # days up to today
Measure: TypeAlias = Literal["usd", "jobs"]
_Days: TypeAlias = Annotated[int, Query(ge=1, le=366)]


@dataclass(frozen=True, slots=True)
class UsageAsked:
    """`days` is None where the reader wrote first and last day."""

    wanted: Wanted
    days: int | None
    by: Dimension
    measure: Measure

    def link(self, **changed: str | int | None) -> str:
        """This page with another choice; None takes one back."""
        return f"/console/usage?{urlencode({name: value for name, value in {**self._chosen(), **changed}.items() if value})}"

    def link_to_days(self, days: int) -> str:
        """The same of the last days."""
        return self.link(**{"from": None, "to": None, "days": days})

    def table(self, group_by: str) -> str:
        """The address of all this as CSV."""
        wanted = self.wanted
        days = {"from": wanted.first.isoformat(), "to": wanted.last.isoformat()}
        query = {"format": "csv", "group_by": group_by, **days, **self.narrowed}
        return f"/admin/usage?{urlencode(query)}"

    @property
    def narrowed(self) -> dict[str, str]:
        """To which key, model and channel the reader narrowed it."""
        named = {"key_id": self.wanted.key_id, "model": self.wanted.model, "channel": self.wanted.channel_id}
        return {name: value for name, value in named.items() if value}

    def _chosen(self) -> dict[str, str | int | None]:
        first, last = self.wanted.first.isoformat(), self.wanted.last.isoformat()
        days: dict[str, str | int | None] = {"from": first, "to": last} if self.days is None else {"days": self.days}
        return {**days, "by": self.by.value, "show": self.measure, **self.narrowed}


async def _wanted(
    gateway: Console,
    days: _Days = RECENT_DAYS,
    first: Annotated[Text, Query(alias="from")] = "",
    last: Annotated[Text, Query(alias="to")] = "",
    key_id: Text = "",
    model: Text = "",
    channel: Text = "",
) -> Wanted:
    until = _day(last, "to") or gateway.now().date()
    since = _day(first, "from") or date.fromordinal(max(until.toordinal() - days + 1, 1))
    if since > until:
        raise InvalidRequest("The first day is later than the last one.", param="from")
    named = chosen(channel)
    found = None if named is None else channel_id(gateway.configuration, named)
    return Wanted(first=since, last=until, key_id=chosen(key_id), model=chosen(model), channel_id=found)


async def _asked(
    wanted: Annotated[Wanted, Depends(_wanted)],
    days: _Days = RECENT_DAYS,
    first: Annotated[Text, Query(alias="from")] = "",
    last: Annotated[Text, Query(alias="to")] = "",
    by: Dimension = Dimension.DAY,
    show: Measure = "usd",
) -> UsageAsked:
    return UsageAsked(wanted, None if first.strip() or last.strip() else days, by, show)


Asked: TypeAlias = Annotated[UsageAsked, Depends(_asked)]


def _day(text: str, param: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError as error:
        raise InvalidRequest(f"{text[:20]!r} is not a day; write it as 2026-03-01.", param=param) from error

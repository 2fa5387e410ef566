"""Usage and money: what was made and what it cost, the ledger line by line, and what groups pay."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.budgets import budget_of
from app.console.lists import PAGE, Text, chosen, older
from app.console.pages import page
from app.console.usage_asked import PERIODS, Asked, UsageAsked
from app.console.usage_times import Sums, by_name, by_time, costliest, sums, sums_of
from app.console.viewer import Console, CurrentViewer, Operator, Viewer
from app.domain.channels import Key
from app.domain.json import Json
from app.engine.configuration import Configuration
from app.engine.gateway import Gateway
from app.engine.groups import GroupDesk
from app.engine.money_desk import MoneyDesk, recent
from app.engine.views import page_view, split_page
from app.store.ledger_pages import LineFilter
from app.store.usage import Dimension

_MOST_LINES = 100  # of the table; the file has all of them
_MOST_DAYS = 4_000
_KINDS = ("reserve", "settle", "refund", "adjust")
router = APIRouter()


@dataclass(frozen=True, slots=True)
class UsageLine:
    """A line of the table: its name and id, what it sums up, and the page that shows only this."""

    name: str | None
    id: str | None
    sums: Sums
    only: str | None


@router.get("/usage")
async def show_usage(request: Request, viewer: CurrentViewer, gateway: Console, asked: Asked) -> Response:
    """What was made and what it cost; a key's holder sees their own."""
    if viewer.key is not None:
        return await _own_usage(request, viewer, gateway, viewer.key)
    desk = _money(gateway)
    days = desk.named(await desk.usage(asked.wanted, [Dimension.DAY], after=None, limit=_MOST_DAYS))
    if asked.by is Dimension.DAY:
        found, more = split_page(days, _MOST_LINES)
    else:
        largest = await desk.largest(asked.wanted, asked.by, _MOST_LINES + 1)
        found, more = split_page(desk.named(largest), _MOST_LINES)
    content = {
        "asked": asked,
        "periods": PERIODS,
        "dimensions": list(Dimension),
        "bars": by_time(days, asked.wanted.first, asked.wanted.last),
        "total": sums(days),
        "lines": [_line(asked, line) for line in found],
        "more": more,
        "names": _names(gateway.configuration, asked),
    }
    return page(request, viewer, "usage.html", content)


@router.get("/usage/ledger")
async def list_ledger(
    request: Request, viewer: Operator, gateway: Console, key_id: Text = "", job_id: Text = "", kind: Text = "", before: Text = ""
) -> Response:
    """Every movement of money, the newest first."""
    filters = {"key_id": chosen(key_id), "job_id": chosen(job_id), "kind": chosen(kind)}
    rows = await _money(gateway).ledger(LineFilter(**filters), before=chosen(before), limit=PAGE + 1)
    found, more = split_page(rows, PAGE)
    names = {str(line["key_id"]): _key_name(gateway.configuration, str(line["key_id"])) for line in found}
    content = {"lines": found, "names": names, "filters": filters, "kinds": _KINDS}
    return page(
        request, viewer, "usage_ledger.html", {**content, "older": older(request.url.path, filters, page_view(found, more)["next"])}
    )


@router.get("/usage/groups")
async def list_groups(request: Request, viewer: Operator, gateway: Console) -> Response:
    """What each group pays, and how many keys and channels are in it."""
    groups = await GroupDesk(gateway.database, gateway.configuration, gateway.now).every()
    return page(request, viewer, "usage_groups.html", {"groups": groups})


async def _own_usage(request: Request, viewer: Viewer, gateway: Gateway, key: Key) -> Response:
    money = await _money(gateway).own_usage(key)
    wanted = recent(gateway.now().date())
    content = {
        "money": money,
        "budget": budget_of(money),
        "bars": by_time(money["by_day"], wanted.first, wanted.last),
        "total": sums(money["by_day"]),
        "days": by_name(money["by_day"], "day"),
        "models": costliest(by_name(money["by_model"], "model"), _MOST_LINES),
    }
    return page(request, viewer, "usage_own.html", content)


def _line(asked: UsageAsked, line: Mapping[str, Json]) -> UsageLine:
    """A sum as the table shows it; what no channel took has no name and nothing further to show."""
    by, deeper = asked.by, {"by": Dimension.DAY.value}
    if by is Dimension.KEY or by is Dimension.CHANNEL:
        name, found = line[f"{by}_name"], line[f"{by}_id"]
        only = asked.link(**{"key_id" if by is Dimension.KEY else "channel": str(found), **deeper}) if found else None
        return UsageLine(None if name is None else str(name), None if found is None else str(found), sums_of(line), only)
    value = str(line[by.value])
    if by is Dimension.MODEL:
        return UsageLine(value, None, sums_of(line), asked.link(model=value, **deeper))
    return UsageLine(value, None, sums_of(line), asked.link(**{"from": value, "to": value, "days": None, "by": "model"}))


def _names(configuration: Configuration, asked: UsageAsked) -> dict[str, str]:
    """What stands on the marks of what the page is narrowed to."""
    names = dict(asked.narrowed)
    if asked.wanted.key_id:
        names["key_id"] = _key_name(configuration, asked.wanted.key_id) or asked.wanted.key_id
    channel = configuration.channel(asked.wanted.channel_id) if asked.wanted.channel_id else None
    return {**names, "channel": channel.name} if channel is not None else names


def _key_name(configuration: Configuration, key_id: str) -> str | None:
    key = configuration.key_by_id(key_id)
    return None if key is None else key.name


def _money(gateway: Gateway) -> MoneyDesk:
    return MoneyDesk(gateway.database, gateway.configuration, gateway.now)

"""Keys: who may ask, for what, and how much of it; made and changed by the admin API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.budgets import Budget, budget_of
from app.console.lists import PAGE, Text, chosen, older
from app.console.pages import page
from app.console.usage_times import by_name, by_time, costliest, sums
from app.console.viewer import Console, Operator
from app.domain.channels import Key
from app.domain.json import Json
from app.engine.configuration import Configuration, public_names
from app.engine.gateway import Gateway
from app.engine.keys import KeyDesk
from app.engine.money_desk import MoneyDesk, recent
from app.engine.views import key_view, page_view, split_page

_MOST_MODELS = 500  # that a page offers for choice
_MOST_LINES = 50  # of a key's models
State: TypeAlias = Literal["active", "disabled", "expired"]
router = APIRouter()


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key in the list."""

    key: Mapping[str, Json]
    state: State
    budget: Budget | None


@router.get("/keys")
async def list_keys(request: Request, viewer: Operator, gateway: Console, before: Text = "") -> Response:
    """Every key with what it may do and what it spent, the newest first."""
    found, more = split_page(await _keys(gateway).page(before=chosen(before), limit=PAGE + 1), PAGE)
    views = await _money(gateway).keys(found)
    now = gateway.now()
    lines = [KeyLine(view, state_of(key, now), budget_of(view)) for key, view in zip(found, views, strict=True)]
    return page(request, viewer, "keys.html", {"lines": lines, "older": older("/console/keys", {}, page_view(views, more)["next"])})


@router.get("/keys/new")
async def new_key(request: Request, viewer: Operator, gateway: Console) -> Response:
    """The form for a new key, which then shows it once."""
    blank = key_view(Key(id="", name="", hash=""))
    return page(request, viewer, "keys_new.html", {"key": blank, "base": gateway.settings.public_url, **_choices(gateway)})


@router.get("/keys/{key_id}")
async def show_key(request: Request, key_id: str, viewer: Operator, gateway: Console) -> Response:
    """One key: what it may, what it spent, and every way to change it."""
    key = await _keys(gateway).get(key_id)
    money = await _money(gateway).own_usage(key)
    wanted = recent(gateway.now().date())
    content = {"key": key_view(key), "state": state_of(key, gateway.now()), "money": money, "budget": budget_of(money)}
    bars, models = by_time(money["by_day"], wanted.first, wanted.last), costliest(by_name(money["by_model"], "model"), _MOST_LINES)
    usage = {"bars": bars, "models": models, "total": sums(money["by_day"])}
    return page(request, viewer, "keys_one.html", {**content, **usage, **_choices(gateway)})


def state_of(key: Key, now: datetime) -> State:
    """Whether the key opens anything now, and why not."""
    if not key.enabled:
        return "disabled"
    return "active" if key.valid(now) else "expired"


def _choices(gateway: Gateway) -> dict[str, list[str]]:
    """The groups and models that channels have, to choose from; others may be written."""
    return {"known_groups": _known_groups(gateway.configuration), "known_models": _known_models(gateway.configuration)}


def _known_groups(configuration: Configuration) -> list[str]:
    return sorted({name for channel in configuration.channels() if not channel.deleted for name in channel.groups})


def _known_models(configuration: Configuration) -> list[str]:
    serving = (channel for channel in configuration.channels() if channel.enabled and not channel.deleted)
    return sorted({name for channel in serving for name in public_names(channel)})[:_MOST_MODELS]


def _keys(gateway: Gateway) -> KeyDesk:
    return KeyDesk(gateway.database, gateway.vault, gateway.now)


def _money(gateway: Gateway) -> MoneyDesk:
    return MoneyDesk(gateway.database, gateway.configuration, gateway.now)

"""The ways in to vendors: which there are, how they do, and the form that makes or changes one."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.base import Adapter
from app.adapters.registry import adapters
from app.console import credential_fields
from app.console.lists import PAGE, Text, chosen, older
from app.console.pages import page
from app.console.vendors import known_models, told_of, vendors
from app.console.viewer import Console, Operator
from app.domain.channels import Channel
from app.domain.errors import NotFound
from app.engine.channel_board import ChannelBoard
from app.engine.channel_rules import ENVIRONMENT_PREFIX
from app.engine.channels import ChannelDesk
from app.engine.gateway import Gateway
from app.engine.views import channel_view, split_page

router = APIRouter()


def board_of(gateway: Gateway) -> ChannelBoard:
    """Channels with their state, as the gateway knows them."""
    return ChannelBoard(desk_of(gateway), gateway.health)


def desk_of(gateway: Gateway) -> ChannelDesk:
    """Channels as operators read them."""
    return ChannelDesk(gateway.database, gateway.vault, gateway.now)


@router.get("/channels")
async def list_channels(request: Request, viewer: Operator, gateway: Console, before: Text = "") -> Response:
    """Every channel with its state, the newest first."""
    states, more = split_page(await board_of(gateway).page(before=chosen(before), limit=PAGE + 1), PAGE)
    last = states[-1].channel.id if more else None
    content = {"states": states, "told_of": told_of, "older": older(request.url.path, {}, last)}
    return page(request, viewer, "channels.html", content)


@router.get("/channels/new")
async def show_new(request: Request, viewer: Operator, gateway: Console, adapter: Text = "") -> Response:
    """The vendors to choose from; then the form of the chosen one."""
    if not adapter:
        return page(request, viewer, "channels_vendors.html", {"vendors": vendors()})
    found = adapters().get(adapter)
    if found is None:
        raise NotFound("There is no such adapter.")
    blank = Channel(id="", name=_free_name(gateway, adapter), adapter=adapter, base_url="")
    return page(request, viewer, "channels_new.html", _form(gateway, found, blank))


@router.get("/channels/{channel_id}")
async def show_channel(request: Request, viewer: Operator, gateway: Console, channel_id: str) -> Response:
    """One channel: its state, what can be done with it, and the form that changes it."""
    state = await board_of(gateway).one(channel_id)
    content = {
        "state": state,
        "label_of": credential_fields.label,
        **_form(gateway, adapters()[state.channel.adapter], state.channel),
    }
    return page(request, viewer, "channels_one.html", content)


def _form(gateway: Gateway, adapter: Adapter, channel: Channel) -> Mapping[str, object]:
    groups = {group for one in gateway.configuration.channels() if not one.deleted for group in one.groups}
    return {
        "adapter": adapter,
        "channel": channel_view(channel),
        "told_vendor": told_of(adapter.name),
        "ways": credential_fields.ways(adapter),
        "known_models": known_models(adapter.name),
        "known_groups": sorted(groups),
        "of_environment": channel.name.startswith(ENVIRONMENT_PREFIX),
    }


def _free_name(gateway: Gateway, wanted: str) -> str:
    taken = {channel.name for channel in gateway.configuration.channels() if not channel.deleted}
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)

"""Groups: what operators do with them over HTTP."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Response

from app.api.admin.access import admin_router
from app.api.admin.desks import admin_actor
from app.api.admin.types import Name, Ratio, Strict
from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.engine.groups import GroupDesk
from app.engine.views import page_view

router = admin_router()


class GroupBody(Strict):
    """What a group pays: its ratio on every price."""

    price_ratio: Ratio


async def _desk(gateway: GatewayDep) -> GroupDesk:
    return GroupDesk(gateway.database, gateway.configuration, gateway.now, admin_actor())


Groups: TypeAlias = Annotated[GroupDesk, Depends(_desk)]


@router.get("/groups")
async def list_groups(groups: Groups) -> Response:
    """Every group that a key or channel names, or that has a price ratio; with how many keys and channels name it."""
    return json_answer(page_view(await groups.every(), more=False))


@router.put("/groups/{name:path}")
async def price_group(name: Name, body: GroupBody, groups: Groups, gateway: GatewayDep) -> Response:
    """Sets what the group's prices are multiplied by; jobs that are made already keep their price."""
    changed = await groups.price(name, body.price_ratio)
    await gateway.configuration.refresh()
    return json_answer(changed)

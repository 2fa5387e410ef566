"""What admin endpoints ask for, as nouns."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Query

from app.api.admin.types import Name
from app.api.deps import GatewayDep
from app.engine.audit import Actor, AuditDesk
from app.engine.channels import ChannelDesk
from app.engine.keys import KeyDesk
from app.logs import request_id


async def _channels(gateway: GatewayDep) -> ChannelDesk:
    return ChannelDesk(gateway.database, gateway.vault, gateway.now, admin_actor())


async def _keys(gateway: GatewayDep) -> KeyDesk:
    return KeyDesk(gateway.database, gateway.vault, gateway.now, admin_actor())


async def _audit(gateway: GatewayDep) -> AuditDesk:
    return AuditDesk(gateway.database)


def admin_actor() -> Actor:
    """Whoever shows the admin key, in this request."""
    return Actor("admin", request_id.get())


Channels: TypeAlias = Annotated[ChannelDesk, Depends(_channels)]
Keys: TypeAlias = Annotated[KeyDesk, Depends(_keys)]
Audit: TypeAlias = Annotated[AuditDesk, Depends(_audit)]
Before: TypeAlias = Annotated[Name | None, Query(description="`next` of the page before")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=200)]

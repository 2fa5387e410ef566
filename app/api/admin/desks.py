"""What admin endpoints ask for, as nouns."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Query

from app.api.admin.types import Name
from app.api.deps import GatewayDep
from app.engine.channels import ChannelDesk
from app.engine.keys import KeyDesk


async def _channels(gateway: GatewayDep) -> ChannelDesk:
    return ChannelDesk(gateway.database, gateway.vault, gateway.now)


async def _keys(gateway: GatewayDep) -> KeyDesk:
    return KeyDesk(gateway.database, gateway.now)


Channels: TypeAlias = Annotated[ChannelDesk, Depends(_channels)]
Keys: TypeAlias = Annotated[KeyDesk, Depends(_keys)]
Before: TypeAlias = Annotated[Name | None, Query(description="`next` of the page before")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=200)]

"""Channels and keys as operators see them: no secret, times in Unix seconds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from app.domain.channels import Channel, Key
from app.domain.cooling import Cooldown
from app.domain.json import Json
from app.domain.money import usd
from app.engine.masking import masked

_Item = TypeVar("_Item")


def channel_view(channel: Channel, rests: Mapping[str, Cooldown] | None = None) -> dict[str, Json]:
    """A channel with its credentials masked; the retired ones are left out. `rests` are by credential id."""
    return {
        "id": channel.id,
        "name": channel.name,
        "adapter": channel.adapter,
        "base_url": channel.base_url,
        "credentials": [masked(credential) for credential in channel.credentials if not credential.retired],
        "models": channel.models,
        "groups": sorted(channel.groups),
        "priority": channel.priority,
        "weight": channel.weight,
        "max_concurrency": channel.max_concurrency,
        "keep_results": channel.keep_results,
        "price_ratio": ratio_view(channel.price_ratio),
        "prices": channel.prices,
        "overrides": {"set": channel.set_fields, "drop": channel.drop_fields},
        "settings": channel.settings,
        "enabled": channel.enabled,
        "resting": [_rest(name, rest) for name, rest in (rests or {}).items()],
        "created_at": seconds(channel.created_at),
    }


def key_view(key: Key) -> dict[str, Json]:
    """A key without its text, which nobody has any more."""
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "groups": sorted(key.groups),
        "models": None if key.models is None else sorted(key.models),
        "expires_at": seconds(key.expires_at),
        "strict": key.strict,
        "allowed_ips": key.allowed_ips,
        "rpm": key.rpm,
        "max_concurrency": key.max_concurrency,
        "budget_usd": None if key.budget is None else usd(key.budget),
        "budget_period": key.budget_period,
        "allow_unpriced": key.allow_unpriced,
        "store_prompts": key.store_prompts,
        "keep_results": key.keep_results,
        "callback_url": key.callback_url,
        "enabled": key.enabled,
        "created_at": seconds(key.created_at),
    }


def seconds(moment: datetime | None) -> int | None:
    """A time on the wire."""
    return None if moment is None else int(moment.timestamp())


def split_page(found: Sequence[_Item], limit: int) -> tuple[Sequence[_Item], bool]:
    """A page, and whether more follow, of what a query for one item more than the page has room for found."""
    return found[:limit], len(found) > limit


def page_view(data: Sequence[dict[str, Json]], more: bool) -> dict[str, Json]:
    """The shape of every list; `next` goes into `before` to turn the page."""
    return {"data": data, "has_more": more, "next": data[-1]["id"] if more and data else None}


def _rest(credential_id: str, rest: Cooldown) -> dict[str, Json]:
    """Why a credential takes no new jobs, and until when."""
    return {
        "credential_id": credential_id,
        "kind": rest.kind.value,
        "reason": rest.reason,
        "failures": rest.failures,
        "since": seconds(rest.since),
        "until": seconds(rest.until),
    }


def ratio_view(ratio: Decimal) -> int | float:
    """A ratio as a number, whole where it is whole."""
    return int(ratio) if ratio == ratio.to_integral_value() else float(ratio)

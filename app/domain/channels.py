"""Who may ask (keys) and where we may ask (channels), as the configuration knows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from app.domain.json import Json

DEFAULT_GROUP = "default"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a channel shows to its upstream: named secret fields, in the clear only in memory.

    A retired one is shown for the jobs that it made, and no longer for new ones.
    """

    id: str
    fields: Mapping[str, Json] = field(repr=False)
    retired: bool = False

    def text(self, name: str) -> str:
        """A field as text; empty when absent."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


BudgetPeriod: TypeAlias = Literal["total", "day", "month"]
ModelMap: TypeAlias = Mapping[str, str] | Literal["*"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A configured way in.

    `models` maps public names to upstream names; "*" means every model of the adapter's data file (for adapters with an
    open catalogue: any name that no other channel serves). Higher `priority` goes first, `weight` shares inside a tier.
    `set_fields` and `drop_fields` are the operator's overrides of the finished upstream body. `settings` are options
    that the adapter understands (STYLE §4: data, never code). A deleted channel stays until its last job has ended.
    """

    id: str
    name: str
    adapter: str
    base_url: str
    credentials: tuple[Credential, ...] = ()
    models: ModelMap = "*"
    groups: frozenset[str] = frozenset({DEFAULT_GROUP})
    priority: int = 0
    weight: int = 1
    max_concurrency: int | None = None  # open jobs at its vendor; None is no limit
    keep_results: bool | None = None  # copy its results to our storage; False is stronger than a key's wish
    price_ratio: Decimal = Decimal(1)
    prices: Mapping[str, Json] = field(default_factory=dict)
    set_fields: Mapping[str, Json] = field(default_factory=dict)
    drop_fields: tuple[str, ...] = ()
    settings: Mapping[str, Json] = field(default_factory=dict)
    enabled: bool = True
    deleted: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a client shows to us; only its hash is stored.

    `models` None means all models of its groups. `hint` is the start of the key, to recognise it by. `budget` is in
    micro-dollars per `budget_period` (UTC), `rpm` POSTs a minute, `max_concurrency` open jobs; None is no limit. `allowed_ips`
    are addresses and networks (CIDR), empty means any. Without `store_prompts` neither prompts nor media are written down.
    """

    id: str
    name: str
    hash: str = field(repr=False)
    hint: str = ""
    groups: frozenset[str] = frozenset({DEFAULT_GROUP})
    models: frozenset[str] | None = None
    expires_at: datetime | None = None
    strict: bool = False
    allowed_ips: tuple[str, ...] = ()
    rpm: int | None = None
    max_concurrency: int | None = None
    budget: int | None = None
    budget_period: BudgetPeriod = "total"
    allow_unpriced: bool = False  # a key with a budget may use models without a price
    store_prompts: bool = True
    keep_results: bool | None = None  # copy its jobs' results to our storage; None: as the setting says
    callback_url: str | None = None  # told when a job ends that names no address of its own
    enabled: bool = True
    created_at: datetime | None = None

    def may_use(self, model: str) -> bool:
        """Whether the key's allow-list (if any) holds this public model name."""
        return self.models is None or model in self.models

    def valid(self, now: datetime) -> bool:
        """Enabled and not expired."""
        return self.enabled and (self.expires_at is None or now < self.expires_at)

"""What operators write about keys."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from app.api.admin.types import Groups, Limit, ModelName, Moment, Name, Networks, Strict, Usd, WebAddress
from app.domain.channels import DEFAULT_GROUP, BudgetPeriod, Key
from app.domain.money import MICRO
from app.engine.callback_urls import check_callback
from app.engine.guard import Guard


class KeyOptions(Strict):
    """What can be set at creation and changed later; null takes a limit away, and leaves `keep_results` to channel and gateway."""

    groups: Groups = frozenset({DEFAULT_GROUP})
    models: Annotated[frozenset[ModelName], Field(min_length=1, max_length=10_000)] | None = None
    expires_at: Moment | None = None
    strict: bool = False
    allowed_ips: Networks | None = None
    rpm: Limit | None = None
    max_concurrency: Limit | None = None
    budget_usd: Usd | None = None
    budget_period: BudgetPeriod = "total"
    allow_unpriced: bool = False
    store_prompts: bool = True
    keep_results: bool | None = None
    callback_url: WebAddress | None = None
    enabled: bool = True

    def check(self, guard: Guard) -> None:
        """Raises InputRefused for a `callback_url` to which nothing may be sent."""
        if self.callback_url is not None:
            check_callback(self.callback_url, guard, "callback_url")

    def on(self, key: Key) -> Key:
        """The key with every field that the body names."""
        named = self.model_fields_set
        changed = replace(key, **{name: getattr(self, name) for name in named - {"allowed_ips", "budget_usd"}})
        if "allowed_ips" in named:
            changed = replace(changed, allowed_ips=tuple(self.allowed_ips or ()))
        if "budget_usd" in named:
            changed = replace(changed, budget=None if self.budget_usd is None else int(self.budget_usd * MICRO))
        return changed


class KeyBody(KeyOptions):
    """A new key."""

    name: Name

    def key(self) -> Key:
        """The key, still without an id and a hash."""
        return self.on(Key(id="", name=self.name, hash=""))


class KeyPatch(KeyOptions):
    """Changes to a key; what is left out stays."""

    name: Name = ""

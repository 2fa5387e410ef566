"""What operators write about channels."""

from dataclasses import replace

from pydantic import Field

from app.api.admin.types import Groups, JsonFields, Limit, ModelName, Models, Name, Objects, Priority, Ratio, Strict, Url, Weight
from app.domain.channels import DEFAULT_GROUP, Channel
from app.engine.masking import edited


class Overrides(Strict):
    """Changes to the finished upstream body: `set` replaces top-level fields, `drop` removes them."""

    set: JsonFields = {}
    drop: list[ModelName] = []


_PLAIN = frozenset(
    {
        *("models", "groups", "priority", "weight", "max_concurrency", "keep_results"),
        *("price_ratio", "prices", "settings", "enabled"),
    }
)


class ChannelOptions(Strict):
    """What can be set at creation and changed later; null takes a limit away, and leaves `keep_results` to key and gateway."""

    base_url: Url | None = None
    credentials: Objects = []
    models: Models = "*"
    groups: Groups = frozenset({DEFAULT_GROUP})
    priority: Priority = 0
    weight: Weight = 1
    max_concurrency: Limit | None = None
    keep_results: bool | None = None
    price_ratio: Ratio = Field(default=Ratio(1))
    prices: JsonFields = {}
    overrides: Overrides = Overrides()
    settings: JsonFields = {}
    enabled: bool = True

    def on(self, channel: Channel) -> Channel:
        """The channel with every field that the body names."""
        named = self.model_fields_set
        plain = named & _PLAIN
        changed = replace(channel, **{name: getattr(self, name) for name in plain})
        if "base_url" in named:
            changed = replace(changed, base_url=self.base_url or "")
        if "overrides" in named:
            changed = replace(changed, set_fields=self.overrides.set, drop_fields=tuple(self.overrides.drop))
        if "credentials" in named:
            changed = replace(changed, credentials=edited(channel.credentials, self.credentials))
        return changed


class ChannelBody(ChannelOptions):
    """A new channel."""

    name: Name
    adapter: Name

    def channel(self) -> Channel:
        """The channel, still without an id."""
        return self.on(Channel(id="", name=self.name, adapter=self.adapter, base_url=""))


class ChannelPatch(ChannelOptions):
    """Changes to a channel; what is left out stays. `credentials` is the whole list: see `masking.edited`."""

    name: Name = ""

    def on(self, channel: Channel) -> Channel:
        """The channel with every field that the body names."""
        changed = super().on(channel)
        return replace(changed, name=self.name) if "name" in self.model_fields_set else changed

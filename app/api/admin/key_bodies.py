"""What operators write about keys."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from app.api.admin.types import Groups, ModelName, Moment, Name, Strict
from app.domain.channels import DEFAULT_GROUP, Key


class KeyOptions(Strict):
    """What can be set at creation and changed later."""

    groups: Groups = frozenset({DEFAULT_GROUP})
    models: Annotated[frozenset[ModelName], Field(min_length=1, max_length=10_000)] | None = None
    expires_at: Moment | None = None
    strict: bool = False
    enabled: bool = True

    def on(self, key: Key) -> Key:
        """The key with every field that the body names."""
        return replace(key, **{name: getattr(self, name) for name in self.model_fields_set})


class KeyBody(KeyOptions):
    """A new key."""

    name: Name

    def key(self) -> Key:
        """The key, still without an id and a hash."""
        return self.on(Key(id="", name=self.name, hash=""))


class KeyPatch(KeyOptions):
    """Changes to a key; what is left out stays."""

    name: Name = ""

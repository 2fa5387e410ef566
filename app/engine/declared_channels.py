"""`[[channels]]` of a file: what each becomes, and what is to be done for it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.domain.channels import Channel, Credential
from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.normalise.values import boolean, integer, mapping, wrong_value
from app.engine.audit import write_change
from app.engine.channel_rules import ENVIRONMENT_PREFIX, checked, text_fields
from app.engine.channels import insert, update
from app.engine.declared_steps import Action, Change, Pen, Written, shown
from app.engine.declared_tables import Table, by_name, read_fields
from app.engine.declared_values import (
    MODEL,
    NAME,
    channel_models,
    credential_fields,
    groups,
    json_fields,
    line,
    optional,
    ratio,
    several,
)
from app.store import channels as channel_store


@dataclass(frozen=True, slots=True)
class _Overrides:
    set: JsonObject
    drop: tuple[str, ...]


def _overrides(value: Json, name: str) -> _Overrides:
    given = mapping(value, name)
    for field in given:
        if field not in ("set", "drop"):
            raise wrong_value(f"{name}.{field[:100]}", "is not a known field")
    return _Overrides(
        json_fields(given.get("set", {}), f"{name}.set"),
        tuple(several(MODEL, 0, 10_000)(given.get("drop", ()), f"{name}.drop")),
    )


_READINGS = {
    "name": NAME,
    "adapter": NAME,
    "base_url": line(2_000, empty=True),
    "credentials": several(credential_fields, 0, 100),
    "models": channel_models,
    "groups": groups,
    "priority": integer(-1_000_000, 1_000_000),
    "weight": integer(0, 1_000_000),
    "max_concurrency": optional(integer(1, 1_000_000)),
    "keep_results": optional(boolean),
    "price_ratio": ratio,
    "prices": json_fields,
    "overrides": _overrides,
    "settings": json_fields,
    "enabled": boolean,
}


@dataclass(frozen=True, slots=True)
class ChannelStep:
    """Makes a channel (`held` is None), changes it, or deletes it (`wanted` is None)."""

    change: Change
    held: Channel | None
    wanted: Channel | None

    async def write(self, pen: Pen) -> Written | None:
        """Does it; running jobs of a deleted channel finish."""
        if self.held is None and self.wanted is not None:
            made = await insert(pen.connection, pen.vault, self.wanted, pen.now, pen.actor)
            return Written("channel", made.id, made.name)
        if self.held is not None and self.wanted is not None:
            await update(pen.connection, pen.vault, self.held, self.wanted, pen.now, pen.actor)
        elif self.held is not None:
            await channel_store.delete_one(pen.connection, self.held.id)
            await write_change(pen.connection, pen.actor, pen.now, self.held, None)
        return None


def channel_steps(tables: Iterable[Table], held: Iterable[Channel]) -> Iterator[ChannelStep]:
    """A step for each channel that is not as the file says; raises InvalidRequest naming the place in the file."""
    known = {channel.name: channel for channel in held}
    for name, table in by_name(tables).items():
        before = known.get(name)
        with table.placed():
            after = _wanted(table, before)
        if after != before:
            action: Action = "create" if before is None else "update"
            yield ChannelStep(Change(action, "channel", name, shown(before, after, table)), before, after)


def deleted_channel(channel: Channel) -> ChannelStep:
    """The step that takes a channel away from new jobs."""
    return ChannelStep(Change("delete", "channel", channel.name), channel, None)


def _wanted(table: Table, held: Channel | None) -> Channel:
    given = read_fields(table, _READINGS, ["adapter"])
    if held is None and given["name"].startswith(ENVIRONMENT_PREFIX):
        raise wrong_value("name", f"starts with {ENVIRONMENT_PREFIX}, as the channels do that environment variables make")
    if held is not None and given["adapter"] != held.adapter:
        raise InvalidRequest(f"The channel exists with the adapter {held.adapter!r}, which cannot change.", param="adapter")
    if "credentials" in given:
        given["credentials"] = _credentials(() if held is None else held.credentials, given["credentials"])
    overrides = given.pop("overrides", None)
    if overrides is not None:
        given |= {"set_fields": overrides.set, "drop_fields": overrides.drop}
    return checked(replace(held or Channel(id="", name="", adapter="", base_url=""), **given))


def _credentials(held: Sequence[Credential], given: Sequence[JsonObject]) -> tuple[Credential, ...]:
    """Those that are held and still named, under their ids, with those that running jobs still need; then the new ones."""
    missing = [text_fields(fields) for fields in given]
    kept = []
    for credential in held:
        if credential.retired:
            kept.append(credential)
        elif (fields := dict(credential.fields)) in missing:
            missing.remove(fields)
            kept.append(credential)
    return (*kept, *(Credential("", fields) for fields in missing))

"""Channels as operators watch them: which take jobs, what is wrong with the others, and what runs on them. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from app.domain.channels import Channel
from app.domain.cooling import Cooldown, Kind
from app.domain.json import Json
from app.engine.channels import ChannelDesk
from app.engine.health import Health
from app.engine.masking import masked
from app.store import audit as audit_store
from app.store import limits
from app.store import usage as usage_store
from app.store.audit import AuditLine
from app.store.usage import Dimension, Usage, Wanted

Word: TypeAlias = Literal["ready", "partly", "limited", "down", "refused", "draining", "paused"]
_WORDS: Mapping[Kind, Word] = {Kind.PARKED: "refused", Kind.TOLD: "limited", Kind.LIMITED: "limited", Kind.DOWN: "down"}


@dataclass(frozen=True, slots=True)
class CredentialState:
    """A credential, masked; `rest` is why it takes no new job (None: it does), `due` that the next job tries it all the same."""

    id: str
    fields: Mapping[str, Json]
    rest: Cooldown | None
    due: bool

    @property
    def word(self) -> Word:
        """Its state in one word."""
        return "ready" if self.rest is None else _WORDS[self.rest.kind]


@dataclass(frozen=True, slots=True)
class Tested:
    """The last test that an operator made of a channel as it is stored."""

    at: datetime
    ok: bool


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel and how it does: `running` jobs are at its vendor now, `today` (UTC) is what ended."""

    channel: Channel
    credentials: tuple[CredentialState, ...]
    rests: tuple[Cooldown, ...]  # of a channel without credentials too
    running: int
    today: Usage | None
    tested: Tested | None = None

    @property
    def word(self) -> Word:
        """Its state in one word: an operator's wish first, then what the vendor said last."""
        if not self.channel.enabled:
            return "draining" if self.running else "paused"
        if not self.rests:
            return "ready"
        if len(self.rests) < len(self.credentials):
            return "partly"
        return _WORDS[min(self.rests, key=lambda rest: rest.until).kind]


@dataclass(frozen=True, slots=True)
class ChannelBoard:
    """Reads channels with their state."""

    desk: ChannelDesk
    health: Health

    async def page(self, *, before: str | None, limit: int) -> Sequence[ChannelState]:
        """At most `limit` channels, the newest first, older than the channel `before`."""
        return await self.states(await self.desk.page(before=before, limit=limit))

    async def one(self, channel_id: str) -> ChannelState:
        """One channel, with its last test; raises NotFound."""
        channel = await self.desk.get(channel_id)
        async with self.desk.database.read() as connection:
            lines = await audit_store.page(connection, kind="channel", subject=channel_id, action="test", limit=1)
        (state,) = await self.states([channel], _newest(lines))
        return state

    async def states(self, channels: Sequence[Channel], tested: Mapping[str, Tested] | None = None) -> list[ChannelState]:
        """These channels as they are now."""
        today = self.desk.now().date()
        async with self.desk.database.read() as connection:
            running = await limits.running_by_channel(connection)
            ended = await usage_store.page(connection, Wanted(first=today, last=today), [Dimension.CHANNEL])
        by_channel = {one.of[Dimension.CHANNEL]: one for one in ended}
        return [self._state(one, running.get(one.id, 0), by_channel.get(one.id), (tested or {}).get(one.id)) for one in channels]

    def _state(self, channel: Channel, running: int, today: Usage | None, tested: Tested | None) -> ChannelState:
        rests, now = self.health.states(channel), self.desk.now()
        credentials = []
        for credential in channel.credentials:
            if credential.retired:
                continue
            rest = rests.get(credential.id)
            shown = {name: value for name, value in masked(credential).items() if name != "id"}
            credentials.append(CredentialState(credential.id, shown, rest, rest is not None and rest.due(now)))
        return ChannelState(channel, tuple(credentials), tuple(rests.values()), running, today, tested)


def _newest(lines: Sequence[AuditLine]) -> dict[str, Tested]:
    """Of lines that are newest first."""
    return {line.subject: Tested(line.at, line.changes.get("ok") is True) for line in reversed(lines)}

"""Which credentials may take new jobs: what was heard of each, in memory, and told to other processes through a table."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.domain.channels import Channel, Credential
from app.domain.cooling import Cooldown, Kind, after_failure, after_success
from app.domain.errors import UpstreamError, UpstreamMaybeSent
from app.engine.clock import Now
from app.engine.outgoing import Unsendable
from app.store import cooldowns as cooldown_store
from app.store.database import Database

_PROBE = timedelta(seconds=30)  # nothing heard of the job that tries for so long: another may
NO_CREDENTIAL = Credential(id="", fields={})  # of a channel that needs none
_log = logging.getLogger(__name__)

_Name = tuple[str, str]  # channel id, credential id


@dataclass(frozen=True, slots=True)
class Rest:
    """Why a channel takes no new job until then (aware UTC); as a `last_resort` it may, when no other channel is healthy."""

    reason: str
    until: datetime
    last_resort: bool


@dataclass(frozen=True, slots=True)
class _Change:
    """What the table does not hold yet; None ends a rest."""

    channel: str
    cooldown: Cooldown | None


class Health:
    """What this process knows of every credential's rest. Its writes must not happen inside a `Database.write()`."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now
        self._held: dict[_Name, Cooldown] = {}
        self._probes: dict[_Name, datetime] = {}  # until when the others wait for the job that tries
        self._streaks: dict[_Name, int] = {}  # creates in a row whose outcome is open
        self._unwritten: dict[_Name, _Change] = {}
        self._writing = asyncio.Lock()
        self._version = 0  # moves when we have changed the table

    async def refresh(self) -> None:
        """Reads what other processes wrote, and writes what could not be written before. Raises the database's errors."""
        version = self._version
        async with self._database.read() as connection:
            stored = await cooldown_store.every(connection)
        if version == self._version:  # else the answer may be older than what we know; the next look will do
            self._adopt(stored)
        for name in list(self._unwritten):
            await self._write(name)

    async def heard(self, channel: Channel, credential_id: str, error: UpstreamError | None, *, polled: bool = False) -> None:
        """What came of a create or a poll with this credential; None means that it worked. Never raises for the database."""
        name = (channel.id, credential_id)
        if credential_id not in {one.id for one in _current(channel)}:
            return  # retired: it gets no new jobs anyway
        if not polled:
            self._probes.pop(name, None)
        held, now = self._held.get(name), self._now()
        if error is None:
            if not polled:
                self._streaks.pop(name, None)
            cooldown = after_success(held, now, polled=polled)
        elif isinstance(error.__cause__, Unsendable):
            return  # what this one client asked for cannot be written down
        else:
            cooldown = after_failure(held, error, now, polled=polled, streak=self._streak(name, error, polled=polled))
        if cooldown is not held:
            await self._change(name, _Change(channel.name, cooldown))

    def rests(self, channel: Channel) -> Rest | None:
        """Why the channel takes no new job now: all its credentials rest. None when one can take it."""
        if not self._held:
            return None
        now = self._now()
        resting: list[tuple[datetime, Cooldown]] = []
        for credential in _current(channel):
            name = (channel.id, credential.id)
            cooldown = self._held.get(name)
            if cooldown is None or self._may_try(name, cooldown, now):
                return None
            resting.append((max(cooldown.until, self._probes.get(name, now)), cooldown))
        until, first = min(resting, key=lambda pair: pair[0])
        return Rest(first.summary, until, any(cooldown.last_resort(now) for _, cooldown in resting))

    def usable(self, channel: Channel) -> tuple[Credential, ...]:
        """The credentials that may take a new job now; only for who is about to send one.

        A credential whose rest is over is handed out alone and once, so that this job tries it; the others wait until something
        was heard of that job, 30 seconds at most.
        """
        now = self._now()
        current = _current(channel)
        for credential in current:
            name = (channel.id, credential.id)
            cooldown = self._held.get(name)
            if cooldown is not None and self._may_try(name, cooldown, now):
                self._probes[name] = now + _PROBE
                return (credential,)
        return tuple(credential for credential in current if (channel.id, credential.id) not in self._held)

    def untried(self, channel: Channel, credential_id: str) -> None:
        """The job that took this credential from `usable` was not sent after all; the next one may try."""
        self._probes.pop((channel.id, credential_id), None)

    def resorts(self, channel: Channel) -> tuple[Credential, ...]:
        """Whom to send with although all rest: those whose vendor did not turn them away, else any."""
        now, held = self._now(), self.states(channel)
        current = _current(channel)
        return tuple(one for one in current if one.id not in held or held[one.id].last_resort(now)) or current

    def states(self, channel: Channel) -> Mapping[str, Cooldown]:
        """The rests of the channel's credentials, by credential id."""
        return {
            credential.id: cooldown
            for credential in _current(channel)
            if (cooldown := self._held.get((channel.id, credential.id))) is not None
        }

    async def forgive(self, channel_id: str, credential_id: str | None = None) -> None:
        """Ends the rest of a credential (or of all of a channel's) that an operator changed or saw working.

        Raises the database's errors.
        """
        async with self._writing:
            async with self._database.write() as connection:
                await cooldown_store.remove(connection, channel_id, credential_id)
            for names in (self._held, self._probes, self._streaks, self._unwritten):
                for name in [one for one in names if one[0] == channel_id and credential_id in (None, one[1])]:
                    del names[name]
            self._version += 1

    def _streak(self, name: _Name, error: UpstreamError, *, polled: bool) -> int:
        if isinstance(error, UpstreamMaybeSent) and not polled:
            self._streaks[name] = self._streaks.get(name, 0) + 1
        return self._streaks.get(name, 0)

    def _may_try(self, name: _Name, cooldown: Cooldown, now: datetime) -> bool:
        """Its time is over, and nobody else is trying (a wait longer than any is a clock that was set back)."""
        waits = self._probes.get(name)
        return cooldown.due(now) and (waits is None or not now < waits <= now + _PROBE)

    async def _change(self, name: _Name, change: _Change) -> None:
        """In memory at once; what cannot be written now is written by a later refresh."""
        if change.cooldown is None:
            self._held.pop(name, None)
        else:
            self._held[name] = change.cooldown
        self._probes.pop(name, None)
        self._streaks.pop(name, None)
        self._unwritten[name] = change
        try:
            await self._write(name)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("channel %s: the state of its credential %s is not stored yet: %s", change.channel, name[1], error)

    async def _write(self, name: _Name) -> None:
        """Writes the newest change of a credential, one after the other, so that no older one comes after it."""
        async with self._writing:
            change = self._unwritten.get(name)
            if change is None:
                return
            async with self._database.write() as connection:
                if change.cooldown is None:
                    news = await cooldown_store.remove(connection, *name)
                else:
                    news = await cooldown_store.put(connection, *name, change.cooldown)
            self._version += 1
            if self._unwritten.get(name) is change:
                del self._unwritten[name]
        if news:
            _say(change, name[1])

    def _adopt(self, stored: Mapping[_Name, Cooldown]) -> None:
        known = {name: _with_origin(cooldown, self._held.get(name)) for name, cooldown in stored.items()}
        for name, change in self._unwritten.items():
            if change.cooldown is None:
                known.pop(name, None)
            else:
                known[name] = change.cooldown
        for name in self._held:
            if known.get(name) != self._held[name]:  # somebody else's job tried, whatever became of ours
                self._probes.pop(name, None)
                self._streaks.pop(name, None)
        self._held = known


def _current(channel: Channel) -> tuple[Credential, ...]:
    return tuple(credential for credential in channel.credentials if not credential.retired) or (NO_CREDENTIAL,)


def _with_origin(stored: Cooldown, held: Cooldown | None) -> Cooldown:
    """The stored cooldown, with what only the process that began it knows."""
    return replace(stored, polled=True) if held is not None and held.polled and held.since == stored.since else stored


def _say(change: _Change, credential_id: str) -> None:
    """Once per change of kind, by whichever process wrote it."""
    if change.cooldown is None:
        _log.info("channel %s: credential %s takes jobs again", change.channel, credential_id)
    elif change.cooldown.kind is Kind.PARKED:
        _log.warning("channel %s: credential %s is parked: %s", change.channel, credential_id, change.cooldown.reason)
    else:
        _log.info("channel %s: credential %s rests, %s", change.channel, credential_id, change.cooldown.summary)

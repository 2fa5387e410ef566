"""Keeps answers that may have to be given again: sealed in their row, or as files of ours where they are large."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import NotFound
from app.domain.replays import ReplayName, StoredAnswer
from app.engine.assets import Assets
from app.store import replays as replay_store
from app.store.database import Database
from app.store.secrets import Vault, WrongSecret

INLINE = 256 * 1024  # bytes of a body that a row holds
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """The answers by the names of their requests."""

    database: Database
    assets: Assets
    vault: Vault

    async def keep(self, key_id: str, names: Sequence[ReplayName], given: StoredAnswer) -> StoredAnswer:
        """Stores an answer for its names and returns the one that counts: an earlier one, where another process was faster.

        A database that is away costs only the memory: the answer can be made from the job again.
        """
        try:
            earlier = [await self._keep(key_id, name.name, given) for name in names]
        except (SQLAlchemyError, OSError) as error:
            _log.warning("an answer could not be kept for its repetition: %s", error)
            return given
        return next((one for one in earlier if one is not None), given)

    async def opened(self, stored: StoredAnswer) -> StoredAnswer | None:
        """A stored answer as it is given; None when its file or its secret is gone."""
        try:
            if stored.asset is not None:
                return replace(stored, body=b"".join([chunk async for chunk in self.assets.open(stored.asset)]), asset=None)
            fields = self.vault.open((stored.body or b"").decode())
        except (NotFound, WrongSecret) as error:
            _log.warning("a kept answer cannot be given again: %s", error)
            return None
        return replace(stored, body=str(fields["body"]).encode())

    async def _keep(self, key_id: str, name: str, given: StoredAnswer) -> StoredAnswer | None:
        """The answer that the name has already; None when it is this one from now on, or when the name is free."""
        stored = await self._closed(given)
        async with self.database.write() as connection:
            if await replay_store.answer(connection, key_id, name, stored):
                return None
            earlier = await replay_store.get(connection, key_id, name)
        if stored.asset is not None:
            await self.assets.delete(stored.asset)
        return None if earlier is None or earlier.answer is None else await self.opened(earlier.answer)

    async def _closed(self, given: StoredAnswer) -> StoredAnswer:
        """The answer as it is stored: sealed in the row, because it may hold a prompt, and links that open without a key."""
        body = given.body or b""
        if len(body) <= INLINE:
            return replace(given, body=self.vault.seal({"body": body.decode()}).encode())
        asset = await self.assets.put("answer", body, "application/json")
        return replace(given, body=None, asset=asset.name)

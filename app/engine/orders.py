"""Keeps what a held job needs to be sent later, by any process: the request with its bytes, as files of ours.

Files, not rows: the bytes may be large, and the database need not know them. They go when the job is sent or ends.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.canonical import from_json, to_json
from app.domain.json import Json
from app.domain.requests import Notice, Request
from app.engine.assets import Assets

_MIME = "application/json"


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """A client's request before it was fitted to any model, with the files that came beside it."""

    asked: Request
    notices: tuple[Notice, ...] = ()
    strict: bool = False
    uploads: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders that wait. Several machines need a storage that all of them see."""

    assets: Assets

    async def save(self, job_id: str, order: KeptOrder) -> tuple[str, ...]:
        """The names of the files, the order itself first."""
        names: list[str] = []
        try:
            uploads: dict[str, Json] = {}
            for source, data in order.uploads.items():
                names.append((await self.assets.put(job_id, data, "application/octet-stream")).name)
                uploads[source] = names[-1]
            value: dict[str, Json] = {
                "asked": to_json(order.asked, names=True),
                "notices": [[notice.code, notice.field, notice.before, notice.after] for notice in order.notices],
                "strict": order.strict,
                "uploads": uploads,
            }
            return (await self.assets.put(job_id, await asyncio.to_thread(_written, value), _MIME)).name, *names
        except BaseException:
            await self.forget(names)
            raise

    async def load(self, inputs: Sequence[str]) -> KeptOrder:
        """The order that was saved under these names; raises NotFound when its files are gone."""
        value = await asyncio.to_thread(json.loads, await self._bytes(inputs[0]))
        return KeptOrder(
            asked=from_json(value["asked"]),
            notices=tuple(Notice(*notice) for notice in value["notices"]),
            strict=value["strict"],
            uploads={source: await self._bytes(name) for source, name in value["uploads"].items()},
        )

    async def forget(self, inputs: Sequence[str]) -> None:
        """Removes the files."""
        for name in inputs:
            await self.assets.delete(name)

    async def _bytes(self, name: str) -> bytes:
        return b"".join([chunk async for chunk in self.assets.open(name)])


def _written(value: Json) -> bytes:
    return json.dumps(value, default=_plain).encode()


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")

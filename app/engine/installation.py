"""What this gateway stands on: its program, database, storage and processes."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.engine.heartbeats import Heartbeats
from app.settings import Settings
from app.store import workers as worker_store
from app.store.database import Database
from app.store.schema import revision_of
from app.store.workers import Worker


@dataclass(frozen=True, slots=True)
class Installation:
    """`database` is `sqlite` or `postgresql`, `storage` `file` or `s3`; `workers` are the processes that live."""

    python: str
    database: str
    revision: str | None
    storage: str
    place: str  # of the storage
    data_dir: str
    workers: Sequence[Worker]


async def installation_of(settings: Settings, database: Database, heartbeats: Heartbeats) -> Installation:
    """How this gateway is set up now."""
    revision = await revision_of(database)
    async with database.read() as connection:
        workers = await worker_store.every(connection)
    silent = heartbeats.silent(workers)
    return Installation(
        python=platform.python_version(),
        database=database.dialect,
        revision=revision,
        storage=urlsplit(settings.storage_url).scheme or "file",
        place=settings.storage_url or str((settings.data_dir / "files").absolute()),
        data_dir=str(settings.data_dir.absolute()),
        workers=[worker for worker in workers if worker.id not in silent],
    )

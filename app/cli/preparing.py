"""What happens before `filmgate serve` serves: the database fits, and has what a first start makes."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from app import __version__
from app.cli.outcome import run
from app.lean import leave_out_the_unused

_ELSEWHERE = "from app.cli.preparing import tell; tell()"


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """What a server has to know; the keys were made just now, in the clear, and are None where nothing was made."""

    data_dir: Path
    drain_seconds: float
    admin_key: str | None = None
    client_key: str | None = None


def prepared() -> Prepared:
    """Prepares in this process, or in one of its own where the database has to be migrated: what that loads would stay for good.

    Ends the command when it does not work.
    """
    return run(_prepared(migrating=False)) or prepared_elsewhere()


def prepared_elsewhere() -> Prepared:
    """Prepares in a process of its own, so that this one stays small; ends the command likewise."""
    # not by `multiprocessing`, which would leave a process of its own behind for as long as this one lives
    program = f"import sys; sys.path[:] = {sys.path!r}; {_ELSEWHERE}"  # whatever folder this is started in
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)  # noqa: S603 - ourselves
    if done.returncode:
        raise SystemExit(done.returncode if done.returncode > 0 else 1)  # the reason stands on standard error
    found = json.loads(done.stdout)
    return Prepared(Path(found["data_dir"]), found["drain_seconds"], found["admin_key"], found["client_key"])


def tell() -> None:
    """The other process: prepares, and says on standard output what it found."""
    found = run(_prepared(migrating=True))
    if found is not None:
        print(json.dumps(asdict(found) | {"data_dir": str(found.data_dir)}))


async def _prepared(*, migrating: bool) -> Prepared | None:
    """None where it would have to migrate and is not to."""
    leave_out_the_unused()
    # after that, and 30 MB that a process which only watches over workers does without
    from app.engine.first_run import first_run
    from app.engine.secret import secrets_of
    from app.engine.spans import spans_of
    from app.engine.storage import assets_of
    from app.settings import Settings
    from app.store.database import Database
    from app.store.migrate import is_current, migrate
    from app.store.secrets import Vault

    settings = Settings()
    assets_of(settings)  # before anything is made: a storage that cannot be used ends here, as do traces that cannot be made
    spans_of(settings.otlp_endpoint, __version__).close()
    vault = Vault(secrets_of(settings))
    if not migrating and not await is_current(settings.database):
        return None
    await migrate(settings.database)
    database = Database.open(settings.database)
    try:
        made = await first_run(database, vault, settings, os.environ, datetime.now(UTC))
    finally:
        await database.close()
    return Prepared(settings.data_dir, settings.drain_seconds, made.admin_key, made.client_key)

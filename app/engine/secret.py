"""The secrets that seal credentials and sign links: from the settings, or from a file in the data folder."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from app.domain.errors import GatewayError
from app.settings import Settings

FILE = "secret.key"
_RANDOM = 48  # bytes


class BadSetup(GatewayError):
    """The settings do not fit together, or something on this machine is not as they need it; the message says what to do."""

    code = "bad_setup"


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """The secrets in force, newest first; makes the file at the first call, also when several processes call at once.

    Raises BadSetup with PostgreSQL and no SECRET_KEY: a file on one machine would leave the others unable to read what it sealed.
    """
    if settings.secret_key is not None:
        given = tuple(part.strip() for part in settings.secret_key.get_secret_value().split(",") if part.strip())
        if not given:
            raise BadSetup("FILMGATE_SECRET_KEY holds no secret.")
        return given
    if not settings.database.startswith("sqlite"):
        raise BadSetup(
            "FILMGATE_SECRET_KEY is required with PostgreSQL, the same on every machine: it seals the vendors' credentials in "
            "the database. Make one with: openssl rand -base64 48"
        )
    return (_from_file(settings.data_dir / FILE),)


def _from_file(path: Path) -> str:
    try:
        if not path.exists():
            _make(path)
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetup(f"The secret key file {path} cannot be read or made: {error}") from error
    if not text:
        raise BadSetup(
            f"The secret key file {path} is empty; restore it from a backup, or remove it and enter every credential anew."
        )
    return text


def _make(path: Path) -> None:
    """Writes a whole file beside it and links it into place: of several processes the first one wins, nobody reads half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_RANDOM) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()

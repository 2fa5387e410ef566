"""Seals what must be unreadable in the database and its backups."""

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from app.domain.errors import GatewayError
from app.domain.json import Json, JsonObject

if TYPE_CHECKING:  # 7 MB that a gateway without credentials does without
    from cryptography.fernet import Fernet, MultiFernet

_PURPOSE = b"filmgate credentials 1"


class WrongSecret(GatewayError):
    """A sealed value opens with none of the configured secrets: another SECRET_KEY is in force than when it was written."""

    def __init__(self) -> None:
        super().__init__("A stored credential cannot be opened with the configured secret key.", code="wrong_secret_key")


class Vault:
    """Seals with the newest of the secrets and opens with any of them (newest first, so that a secret can be changed)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("A vault needs at least one secret, and none of them empty.")
        self._secrets = tuple(secrets)

    @cached_property
    def _fernet(self) -> "MultiFernet":
        from cryptography.fernet import MultiFernet

        return MultiFernet([_derive(secret) for secret in self._secrets])

    def seal(self, fields: JsonObject) -> str:
        """The fields as text that means nothing without the secret, and is different each time."""
        return self._fernet.encrypt(json.dumps(dict(fields), separators=(",", ":")).encode()).decode()

    def open(self, sealed: str) -> dict[str, Json]:
        """What was sealed; raises WrongSecret when no secret fits or the text was changed."""
        from cryptography.fernet import InvalidToken

        try:
            found = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError) as error:
            raise WrongSecret from error
        if not isinstance(found, Mapping):
            raise WrongSecret
        return dict(found)


def _derive(secret: str) -> "Fernet":
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    material = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(material))

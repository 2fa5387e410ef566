"""Signed, expiring links to files of ours: whoever holds one needs no key."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import orjson
from itsdangerous import BadData, Signer, URLSafeSerializer
from itsdangerous.encoding import base64_encode, want_bytes

from app.domain.errors import NotFound
from app.domain.jobs import Variant

_SALT = "filmgate.files"
_HOW: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
Kind = Literal["result", "upload", "callback"]

_LETTERS: dict[Kind, str] = {"result": "r", "upload": "u", "callback": "c"}
_KINDS: dict[str, Kind] = {letter: kind for kind, letter in _LETTERS.items()}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_TOKEN_LIMIT = 1_000  # characters
_VARIANTS: dict[str, Variant] = {name: name for name in get_args(Variant)}
_STEPS = 24  # expiry is rounded up to a 24th of the lifetime, so that asking twice gives the same link


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What a link leads to: output `index` of the job `id` or a variant of it, the stored upload `id`, or news of the job `id`.

    `expires_at` is in Unix seconds.
    """

    kind: Kind
    id: str
    index: int = 0
    variant: Variant | None = None
    expires_at: float = field(default=0.0, compare=False)


class _Signer(Signer):
    """The library's signature by a shorter way: key and digest are made ready once."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(list(reversed(secrets)), _SALT, **_HOW)  # itsdangerous signs with the last
        self._ready = hmac.new(self.derive_key(), digestmod=hashlib.sha256)

    def get_signature(self, value: str | bytes) -> bytes:
        digest = self._ready.copy()
        digest.update(want_bytes(value))
        return base64_encode(digest.digest())


class Links:
    """Makes and reads links.

    `secrets` are newest first: the first signs, all verify. `lifetime` is in seconds. `public_url` may be empty: then
    results are linked under the base that the client used, and uploads cannot be linked at all.
    """

    def __init__(self, secrets: Sequence[str], public_url: str, lifetime: float, *, clock: Callable[[], float] = time.time) -> None:
        if not secrets or not all(secrets):
            raise ValueError("Links need a secret that is not empty.")
        self.public_url = public_url.rstrip("/")
        self._lifetime = lifetime
        self._clock = clock
        self._signer = _Signer(secrets)
        self._reader = URLSafeSerializer(list(reversed(secrets)), salt=_SALT, signer_kwargs=_HOW)

    def result(self, job_id: str, index: int = 0, base: str = "", variant: Variant | None = None) -> str:
        """A link to one output of a job; `base` is what the client called us, used when there is no public URL."""
        return self._url(LinkTarget("result", job_id, index, variant), self.public_url or base.rstrip("/"))

    def upload(self, asset: str) -> str:
        """A link by which a vendor can fetch a stored upload; raises ValueError without a public URL."""
        if not self.public_url:
            raise ValueError("Without PUBLIC_URL no vendor can reach a file of ours.")
        return self._url(LinkTarget("upload", asset), self.public_url)

    def callback(self, job_id: str) -> str | None:
        """Where the vendor of a job can tell us that there is news of it; None without a public URL."""
        return self._url(LinkTarget("callback", job_id), self.public_url, "callbacks") if self.public_url else None

    def left(self, target: LinkTarget) -> float:
        """How long the link that led here still lives, in seconds."""
        return target.expires_at - self._clock()

    def read(self, token: str, kinds: Sequence[Kind] = ("result", "upload")) -> LinkTarget:
        """What a token of one of these kinds leads to; raises NotFound for a forged, damaged or expired one."""
        if len(token) > _TOKEN_LIMIT:
            raise _unknown()
        try:
            content: object = self._reader.loads(token)
        except BadData as error:
            raise _unknown() from error
        match content:
            case [str(letter), str(name), int(index), int(expiry), *rest] if (
                _KINDS.get(letter) in kinds and _ID.fullmatch(name) and index >= 0
            ):
                if expiry < self._clock():
                    raise NotFound("This link has expired; ask for the job again to get a new one.", code="link_expired")
                return LinkTarget(_KINDS[letter], name, index, _variant(rest), expiry)
            case _:
                raise _unknown()

    def _url(self, target: LinkTarget, base: str, folder: str = "files") -> str:
        if _ID.fullmatch(target.id) is None:
            raise ValueError(f"{target.id!r} cannot stand in a link.")
        content = [_LETTERS[target.kind], target.id, target.index, self._expiry()]
        written = orjson.dumps([*content, target.variant] if target.variant else content)
        return f"{base}/{folder}/{self._signer.sign(base64_encode(written)).decode()}"

    def _expiry(self) -> int:
        step = max(1, int(self._lifetime // _STEPS))
        return -(-int(self._clock() + self._lifetime) // step) * step


def _variant(rest: Sequence[object]) -> Variant | None:
    """What the fifth place of a token says; raises NotFound for one of another version of this program."""
    if not rest:
        return None
    variant = _VARIANTS.get(rest[0]) if len(rest) == 1 and isinstance(rest[0], str) else None
    if variant is None:
        raise _unknown()
    return variant


def _unknown() -> NotFound:
    return NotFound("There is no such file.")

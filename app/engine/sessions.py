"""Who is signed in to the console: a sealed cookie, so that every worker and machine knows it and nothing is stored.

A session ends with the key that it was begun with: it holds a piece of the key's hash and is worth nothing without that key.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

from app.domain.channels import Key
from app.domain.errors import NotAllowed
from app.engine.clock import Now
from app.engine.configuration import Configuration

COOKIE = "filmgate_session"
CSRF_HEADER = "x-filmgate-csrf"
AS_KEY_HEADER = "x-filmgate-key"  # names the key for which an operator who is signed in to the console asks
LIFETIME = 12 * 3600  # seconds without a look at the console
_RENEW = 600  # seconds after which a look makes the cookie anew
_ADMIN = "admin"
_MARK = 24  # characters of a key's hash
_LONGEST = 1_000  # characters of a cookie


@dataclass(frozen=True, slots=True)
class Session:
    """`holder` is a key's id, or None for the operator; `mark` belongs to the key that was shown, `seen` is in Unix seconds."""

    holder: str | None
    mark: str
    id: str
    seen: int

    @property
    def admin(self) -> bool:
        """Whether the admin key was shown."""
        return self.holder is None


class Sessions:
    """Seals and reads sessions; `secrets` are newest first: the first seals, all read."""

    def __init__(
        self, secrets: Sequence[str], configuration: Configuration, now: Now, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._configuration, self._now, self._clock = configuration, now, clock
        self._secret = secrets[0].encode()
        self._serializer = URLSafeSerializer(
            list(reversed(secrets)),  # itsdangerous signs with the last
            salt="filmgate.session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def begin(self, text: str, session_id: str) -> Session | None:
        """A session for whoever shows this key; None for a key that we do not know."""
        seen = int(self._clock())
        if self._configuration.is_admin(text):
            return Session(None, self._configuration.admin_mark(_MARK), session_id, seen)
        key = self._configuration.key(text)
        return Session(key.id, key.hash[:_MARK], session_id, seen) if key is not None and key.valid(self._now()) else None

    def seal(self, session: Session) -> str:
        """The session as a cookie's value, as seen just now."""
        sealed = self._serializer.dumps([session.holder or _ADMIN, session.mark, session.id, int(self._clock())])
        return sealed if isinstance(sealed, str) else sealed.decode()

    def read(self, cookies: Mapping[str, str]) -> Session | None:
        """The session in these cookies; None where there is none, it is too old, or its key is gone."""
        text = cookies.get(COOKIE, "")
        if not 0 < len(text) <= _LONGEST:
            return None
        try:
            content: object = self._serializer.loads(text)
        except BadData:
            return None
        match content:
            case [str(holder), str(mark), str(name), int(seen)] if self._clock() - seen < LIFETIME:
                session = Session(None if holder == _ADMIN else holder, mark, name, seen)
                return session if self._stands(session) else None
            case _:
                return None

    def key(self, session: Session) -> Key | None:
        """The key that a client signed in with."""
        return None if session.holder is None else self._configuration.key_by_id(session.holder)

    def stale(self, session: Session) -> bool:
        """Whether its cookie should be made anew."""
        return self._clock() - session.seen > _RENEW

    def csrf(self, session: Session) -> str:
        """What a page of ours shows, and a page of somebody else cannot know, when it changes something in this session."""
        return hmac.new(self._secret, f"csrf {session.id}".encode(), hashlib.sha256).hexdigest()[:_MARK]

    def check(self, session: Session, shown: str | None) -> None:
        """Raises NotAllowed unless the page shows what `csrf` gave it."""
        if shown is None or not hmac.compare_digest(shown.encode(), self.csrf(session).encode()):
            raise NotAllowed("This page is out of date; load it again.", code="csrf_token_invalid", param=CSRF_HEADER)

    def _stands(self, session: Session) -> bool:
        if session.admin:
            return hmac.compare_digest(session.mark.encode(), self._configuration.admin_mark(_MARK).encode())
        key = self.key(session)
        return key is not None and key.valid(self._now()) and hmac.compare_digest(session.mark, key.hash[:_MARK])

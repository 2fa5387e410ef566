"""Takes URLs apart without changing a byte of what was signed."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

URL_LIMIT = 8_192  # characters; normalisation.md §2
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHAPE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL points: `host` is ASCII, lower-case and without brackets; `path` holds path and query as they were given."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port in one spelling, to compare with."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"{self.scheme}://{host}" if self.port == _DEFAULT_PORTS.get(self.scheme, 0) else f"{self.scheme}://{host}:{self.port}"
        )

    @property
    def text(self) -> str:
        """The URL in a form that every parser reads alike."""
        return self.origin + self.path


def split(url: str) -> Target:
    """The parts of an absolute URL; raises ValueError for one with user info, odd characters, or no host."""
    if len(url) > URL_LIMIT:
        raise ValueError(f"is longer than {URL_LIMIT} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError("has a space, a backslash or a control character in it")
    shape = _SHAPE.match(url)
    if shape is None or not shape[2]:
        raise ValueError("is not an absolute URL")
    scheme = shape[1].lower()
    if "@" in shape[2]:
        raise ValueError("carries a user name or password")
    host, port = _authority(shape[2])
    path = shape[3] if shape[3].startswith("/") else f"/{shape[3]}"
    return Target(scheme, host, port or _DEFAULT_PORTS.get(scheme, 0), quote(path, safe=_PRINTABLE))


def origin_of(url: str) -> str:
    """The origin of an absolute URL; empty for anything else."""
    try:
        return split(url).origin
    except ValueError:
        return ""


def is_absolute(path: str) -> bool:
    """Whether a call's path is a whole URL."""
    return _SHAPE.match(path) is not None


def follow(url: str, location: str) -> str:
    """Where a `Location` header leads, seen from the URL that sent it."""
    return location if is_absolute(location) else urljoin(url, location)


def raw_target(url: str) -> str:
    """Path and query exactly as written."""
    shape = _SHAPE.match(url)
    path = shape[3] if shape else ""
    return path if path.startswith("/") else f"/{path}"


def parted(url: str) -> tuple[str, str]:
    """An absolute URL up to its authority, and what follows."""
    shape = _SHAPE.match(url)
    end = shape.end(2) if shape else len(url)
    return url[:end], url[end:]


def _authority(text: str) -> tuple[str, int]:
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d*))?", text)
    if bracketed:
        return bracketed[1].lower(), _port(bracketed[2])
    host, _, port = text.partition(":")
    try:
        # the codec folds full-width digits and dots, as resolvers and other parsers may
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError("has a host name that cannot be written in ASCII") from error
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", ascii_host):
        raise ValueError("has a host name with characters that host names lack")
    return ascii_host.lower(), _port(port)


def _port(text: str | None) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65_536):
        raise ValueError("has a port that does not exist")
    return int(text)

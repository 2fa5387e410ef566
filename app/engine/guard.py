"""Keeps URLs that clients or vendors chose away from private networks (server-side request forgery)."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from app.domain.errors import InputRefused
from app.engine.urls import Target, split

_SCHEMES = ("http", "https")
_LOW_PORTS = (80, 443)
_PRIVATE_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa")
_METADATA_NAMES = ("metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER = (
    ip_network("168.63.129.16/32"),  # looks public and is Azure's machine agent
    ip_network("192.0.0.0/24"),  # protocol assignments, metadata services among them; older Pythons call most of it global
    ip_network("192.88.99.0/24"),  # relays into 6to4
    ip_network("3fff::/20"),  # documentation, unknown to older Pythons
)


class Blocked(ValueError):
    """A URL or address that the guard does not let through; the message completes "the URL …"."""


class Guard:
    """What may be fetched: public http(s) addresses, and whatever `allow_hosts` names (host names, addresses, CIDRs)."""

    def __init__(self, allow_hosts: Sequence[str] = ()) -> None:
        given = [host.strip().strip("[]").rstrip(".").lower() for host in allow_hosts]
        self._names = frozenset(given)
        self._networks = tuple(ip_network(host, strict=False) for host in given if _is_network(host))

    def check(self, url: str, *, param: str | None = None) -> None:
        """Raises InputRefused, naming `param`, for a URL that may not be fetched as far as it can be told without a name lookup."""
        try:
            self.inspect(url)
        except Blocked as error:
            raise InputRefused(f"The URL {error}.", param=param) from error

    def inspect(self, url: str) -> Target:
        """The parts of a URL that may be fetched; raises Blocked. Names still have to pass `addresses`."""
        try:
            target = split(url)
        except ValueError as error:
            raise Blocked(str(error)) from error
        if target.scheme not in _SCHEMES:
            raise Blocked("is neither http nor https")
        if self.allows(target.host):
            return target
        if target.port < 1024 and target.port not in _LOW_PORTS:
            raise Blocked("names a port of another service")
        self._check_host(target.host)
        return target

    def allows(self, host: str) -> bool:
        """Whether the operator listed this host, or the network of this address."""
        name = host.rstrip(".").lower()
        if name in self._names:
            return True
        address = _literal(name)
        return address is not None and self._listed(address)

    def also(self, hosts: Sequence[str]) -> "Guard":
        """A guard that lets these hosts through too."""
        return Guard((*self._names, *hosts)) if hosts else self

    def addresses(self, host: str, found: Sequence[str]) -> Sequence[str]:
        """The addresses of a name, unless one of them is private; raises Blocked."""
        if not found:
            raise Blocked("has a host name without an address")
        named = host.rstrip(".").lower() in self._names
        for text in found:
            if not named and not self._passes(text):
                raise Blocked("leads to a private address")
        return found

    def _check_host(self, host: str) -> None:
        if host.endswith(".."):
            raise Blocked("has a broken host name")
        name = host.rstrip(".")
        address = _literal(name)
        if address is not None:
            if not (self._listed(address) or _is_public(address)):
                raise Blocked("leads to a private address")
        elif _looks_numeric(name):
            raise Blocked("writes an address in an unusual way")
        elif name in _METADATA_NAMES or (not self._networks and _is_private_name(name)):
            # where the operator opened a network, its names are judged by their addresses
            raise Blocked("names a private host")

    def _passes(self, text: str) -> bool:
        address = _literal(text)
        return address is not None and (self._listed(address) or _is_public(address))

    def _listed(self, address: IPv4Address | IPv6Address) -> bool:
        plain = _unwrapped(address)
        return any(plain in network for network in self._networks)


def _literal(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_private_name(name: str) -> bool:
    return "." not in name or any(name == private or name.endswith(f".{private}") for private in _PRIVATE_NAMES)


def _looks_numeric(name: str) -> bool:
    # resolvers read 0x7f.1, 0177.0.0.1 and 2130706433 as addresses; a real top-level domain is never a number
    return re.fullmatch(r"\d+|0x[0-9a-f]*", name.rpartition(".")[2]) is not None


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one (mapped, compatible, 6to4, Teredo, NAT64), which is where packets end up."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in _NAT64 or 1 < int(address) < 2**32:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    plain = _unwrapped(address)
    if any(plain in network for network in _NEVER):
        return False
    if isinstance(plain, IPv6Address):
        return plain.scope_id is None and plain in _GLOBAL_UNICAST and plain.is_global
    return plain.is_global and not plain.is_multicast and not plain.is_reserved

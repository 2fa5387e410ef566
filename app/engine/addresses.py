"""From where a request came, and whether that is a place from which a key may be used."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_WITH_PORT = re.compile(r"(?P<four>[0-9.]+):[0-9]{1,5}|\[(?P<six>[0-9A-Fa-f:.%\w-]+)\](?::[0-9]{1,5})?", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,3}")
_WANTED = "must be an address or a network such as 10.0.0.0/8"
_MAPPED = IPv6Network("::ffff:0:0/96")  # IPv4 addresses as a socket for both families shows them
_LONGEST = 100  # characters; no address is longer, and what is comes from somebody who tries things


def client_address(peer: str | None, forwarded: Iterable[str], proxies: int) -> Address | None:
    """The client's address: the peer of the connection, or what the outermost of our `proxies` heard the request from.

    Each proxy adds the address of its own peer at the right of X-Forwarded-For (`forwarded`: its lines); what stands further
    left than ours wrote can be made up by anybody. Where there are fewer entries than proxies, the leftmost counts. None when
    that is no address.
    """
    if proxies > 0:
        entries = [entry for line in forwarded for entry in line.split(",")]
        if entries:
            return address_of(entries[max(len(entries) - proxies, 0)])
    return None if peer is None else address_of(peer)


def address_of(text: str) -> Address | None:
    """An address, without port, brackets and zone; an IPv4 address in IPv6 clothes as IPv4. None when it is none."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    ported = _WITH_PORT.fullmatch(text)
    bare = (ported["four"] or ported["six"]) if ported else text
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def network_text(text: str) -> str:
    """An address or a network (CIDR) in its usual form; raises ValueError with what is wrong, without the text itself."""
    network = _network(text.strip())
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def may_come_from(address: Address | None, allowed: Sequence[str]) -> bool:
    """Whether this is one of the allowed addresses or in one of the allowed networks; no list allows all."""
    if not allowed:
        return True
    return address is not None and any(address in network for network in _networks(tuple(allowed)))


@lru_cache(maxsize=4096)
def _networks(allowed: tuple[str, ...]) -> tuple[Network, ...]:
    """Parsed once for a key; a stored text that is no network (any more) allows nobody."""
    found = [network for text in allowed if (network := _network_or_none(text)) is not None]
    four = collapse_addresses([one for one in found if isinstance(one, IPv4Network)])
    six = collapse_addresses([one for one in found if isinstance(one, IPv6Network)])
    return (*four, *six)


def _network_or_none(text: str) -> Network | None:
    try:
        return _network(text)
    except ValueError:
        return None


def _network(text: str) -> Network:
    bare, slash, length = text.partition("/")
    if len(text) > _LONGEST or "%" in text or (slash and _LENGTH.fullmatch(length) is None):
        raise ValueError(_WANTED)
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(_WANTED) from error
    if network.network_address != ip_address(bare):
        raise ValueError(f"has bits beyond its length; the network is {network}")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen))
    return network

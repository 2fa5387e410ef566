"""Where a request comes from is what our own proxies say, and nobody else."""

from ipaddress import ip_address

import pytest

from app.engine.addresses import address_of, client_address, may_come_from, network_text

PEER = "10.0.0.9"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:8080", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:80", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:c000:201]:80", "192.0.2.1"),
    ],
)
def test_an_address_is_read_in_every_spelling_of_proxies(written: str, address: str) -> None:
    assert address_of(written) == ip_address(address)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.1:",
        "192.0.2.1:x",
        "192.0.2.256",
        "192.0.2.010",
        "１92.0.2.1",
        "[::1",
        "1" * 200,
    ],
)
def test_what_is_no_address_is_none(written: str) -> None:
    assert address_of(written) is None


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, [], PEER),
        (0, ["192.0.2.1"], PEER),
        (1, ["192.0.2.1"], "192.0.2.1"),
        (1, ["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
        (1, ["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
        (2, ["198.51.100.7, 192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        (2, ["192.0.2.1:55000,10.1.1.1"], "192.0.2.1"),
        (3, ["192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        (1, [], PEER),
    ],
)
def test_the_client_is_whom_the_outermost_of_our_proxies_heard(proxies: int, forwarded: list[str], address: str) -> None:
    assert client_address(PEER, forwarded, proxies) == ip_address(address)


@pytest.mark.parametrize(("peer", "forwarded", "proxies"), [(None, [], 0), (None, [], 1), (PEER, ["nonsense"], 1), (PEER, [""], 1)])
def test_a_client_without_an_address_is_nobody(peer: str | None, forwarded: list[str], proxies: int) -> None:
    assert client_address(peer, forwarded, proxies) is None


@pytest.mark.parametrize(
    ("address", "allowed", "may"),
    [
        ("192.0.2.1", (), True),
        ("192.0.2.1", ("192.0.2.1",), True),
        ("192.0.2.2", ("192.0.2.1",), False),
        ("192.0.2.2", ("198.51.100.0/24", "192.0.2.0/30"), True),
        ("192.0.2.4", ("198.51.100.0/24", "192.0.2.0/30"), False),
        ("::ffff:192.0.2.1", ("192.0.2.0/24",), True),
        ("192.0.2.1", ("::ffff:192.0.2.0/120",), True),
        ("2001:db8::5", ("2001:db8::/32", "10.0.0.0/8"), True),
        ("10.2.3.4", ("2001:db8::/32", "10.0.0.0/8"), True),
        ("192.0.2.1", ("::/0",), False),
        ("2001:db8::5", ("0.0.0.0/0",), False),
        ("nonsense", ("0.0.0.0/0", "::/0"), False),
        ("nonsense", (), True),
        ("192.0.2.1", ("no network",), False),
    ],
)
def test_a_list_lets_in_what_it_names(address: str, allowed: tuple[str, ...], may: bool) -> None:
    assert may_come_from(address_of(address), allowed) is may


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" 10.0.0.0/8 ", "10.0.0.0/8"),
        ("10.0.0.1/32", "10.0.0.1"),
        ("2001:0DB8::/32", "2001:db8::/32"),
        ("::FFFF:10.0.0.0/104", "10.0.0.0/8"),
    ],
)
def test_a_network_is_kept_in_its_usual_form(written: str, kept: str) -> None:
    assert network_text(written) == kept


@pytest.mark.parametrize(
    "written", ["", "/8", "10", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/255.0.0.0", "example.com", "fe80::1%eth0"]
)
def test_what_is_no_network_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an address or a network such as 10\.0\.0\.0/8$"):
        network_text(written)


def test_a_network_with_bits_beyond_its_length_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(ValueError, match=r"the network is 192\.0\.2\.0/24$"):
        network_text("192.0.2.7/24")

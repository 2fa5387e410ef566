from collections.abc import Sequence

import pytest

from app.domain.errors import InputRefused
from app.engine.guard import Blocked, Guard
from app.engine.names import guarded

SSRF = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.0.1./",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f000001/",
    "http://0X7F.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1:8080/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://１２７.０.０.１/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:0:0:0:0:80ff:fffe]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fd00:ec2::254]/",
    "http://[3fff::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://localhost/",
    "http://LOCALHOST:8000/",
    "http://localhost./",
    "http://api.localhost/",
    "http://db/",
    "http://printer.local/",
    "http://router.lan/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://metadata.google.internal./",
    "http://metadata/",
    "http://example.com../",
    "http://user@8.8.8.8/",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1%2f@example.com/",
    "http://%31%32%37.0.0.1/",
    "http://example.com\\@127.0.0.1/",
    "http:\\\\127.0.0.1/",
    "http://127.0.0.1\t/",
    "http:///127.0.0.1/",
    "http:/127.0.0.1/",
    "//127.0.0.1/",
    "http://example.com:22/",
    "http://example.com:25/",
    "http://example.com:0/",
    "http://example.com:99999/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript://example.com/%0aalert(1)",
    "",
]


@pytest.mark.parametrize("url", SSRF)
def test_ssrf_corpus(url: str) -> None:
    with pytest.raises(InputRefused) as refusal:
        Guard().check(url, param="image")
    assert refusal.value.param == "image"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://example.com:8080/a.png",
        "https://EXAMPLE.com./a.png",
        "https://8.8.8.8/a.png",
        "https://[2606:4700::1111]/a.png",
        "https://[64:ff9b::808:808]/a.png",
        "https://bücher.example.com/a.png",
        "https://a_b.example.com/a.png?x=1#y",
        "https://localhost.example.com/",
        "https://0x7f.example.com/",
    ],
)
def test_a_public_url_passes(url: str) -> None:
    Guard().check(url)


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9000/a"),
        ("10.0.0.0/8", "http://10.200.3.4/a"),
        ("10.0.0.0/8", "http://[::ffff:10.200.3.4]/a"),
        ("minio", "http://minio:9000/a"),
        ("LOCALHOST", "http://localhost.:81/a"),
        ("::1", "http://[::1]/a"),
        ("[::1]", "http://[::1]/a"),
    ],
)
def test_what_the_operator_listed_passes(allowed: str, url: str) -> None:
    Guard((allowed,)).check(url)


@pytest.mark.parametrize("url", ["http://127.0.0.2/", "http://2130706433/", "http://u@127.0.0.1/", "file://127.0.0.1/x"])
def test_a_listed_address_opens_nothing_else(url: str) -> None:
    with pytest.raises(InputRefused):
        Guard(("127.0.0.1",)).check(url)


def test_a_guard_can_be_widened_without_changing_the_first() -> None:
    guard = Guard()
    guard.also(["10.0.0.5"]).check("http://10.0.0.5:8000/")
    with pytest.raises(InputRefused):
        guard.check("http://10.0.0.5:8000/")
    assert guard.also(()) is guard


def test_whether_a_host_is_listed_can_be_asked() -> None:
    guard = Guard(("hooks.example.com", "10.0.0.0/8"))
    assert guard.allows("HOOKS.example.com.")
    assert guard.allows("10.9.9.9")
    assert not guard.allows("example.com")


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1111", "::1"], ["::ffff:169.254.169.254"], ["fe80::1%eth0"], []],
)
def test_a_name_with_any_private_address_is_blocked(addresses: list[str]) -> None:
    with pytest.raises(Blocked):
        Guard().addresses("cdn.example.com", addresses)


def test_a_name_in_an_open_network_passes() -> None:
    assert Guard(("10.0.0.0/8",)).addresses("files.internal", ["10.1.1.1"]) == ["10.1.1.1"]
    Guard(("10.0.0.0/8",)).check("http://files.internal/")
    with pytest.raises(Blocked):
        Guard(("10.0.0.0/8",)).addresses("metadata.google.internal", ["169.254.169.254"])


@pytest.mark.anyio
async def test_a_guarded_lookup_answers_with_the_addresses_that_passed() -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34", "2606:4700::1111"]

    assert await guarded(Guard(), lookup)("cdn.example.com", 443) == ["93.184.216.34", "2606:4700::1111"]

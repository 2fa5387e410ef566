import hashlib

import pytest
from itsdangerous import URLSafeSerializer

from app.domain.errors import NotFound
from app.domain.jobs import Variant
from app.engine.links import Links, LinkTarget

BASE = "https://gate.example.com"
SIGNER = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


class Clock:
    now = 1_800_000_100.0

    def __call__(self) -> float:
        return self.now


def links(*secrets: str, public_url: str = BASE, clock: Clock | None = None) -> Links:
    return Links(secrets or ("a secret of tests",), public_url, 24 * 3600, clock=clock or Clock())


def token(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_result_link_leads_back_to_its_output() -> None:
    url = links().result("vid_01h", 3)
    assert url.startswith(f"{BASE}/files/")
    assert links().read(token(url)) == LinkTarget("result", "vid_01h", 3)


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet", "last_frame", "preview"])
def test_the_link_of_a_variant_leads_to_it(variant: Variant) -> None:
    url = links().result("vid_01h", 1, variant=variant)
    assert url != links().result("vid_01h", 1)
    assert links().read(token(url)) == LinkTarget("result", "vid_01h", 1, variant)


@pytest.mark.parametrize("rest", [["video"], ["thumbnail", 1], [7], [None], [["thumbnail"]]])
def test_a_token_that_says_more_than_we_know_leads_nowhere(rest: list[object]) -> None:
    signed = URLSafeSerializer("a secret of tests", salt="filmgate.files", signer_kwargs=SIGNER)
    known = ["r", "vid_1", 0, int(Clock.now) + 60]
    assert links().read(str(signed.dumps(known))) == LinkTarget("result", "vid_1")
    with pytest.raises(NotFound):
        links().read(str(signed.dumps([*known, *rest])))


def test_a_link_knows_how_long_it_still_lives() -> None:
    clock = Clock()
    target = links(clock=clock).read(token(links(clock=clock).result("vid_1")))
    assert 24 * 3600 <= links(clock=clock).left(target) <= 25 * 3600
    clock.now += 3600
    assert 23 * 3600 <= links(clock=clock).left(target) <= 24 * 3600


def test_an_upload_link_leads_back_to_its_file() -> None:
    assert links().read(token(links().upload("upload-00ff.png"))) == LinkTarget("upload", "upload-00ff.png")


def test_without_a_public_url_results_are_linked_under_the_base_of_the_request() -> None:
    local = links(public_url="")
    assert local.result("vid_1", base="http://127.0.0.1:8000/").startswith("http://127.0.0.1:8000/files/")
    with pytest.raises(ValueError, match="PUBLIC_URL"):
        local.upload("upload-1.png")


def test_a_link_asked_for_twice_is_the_same() -> None:
    clock = Clock()
    first = links(clock=clock).result("vid_1")
    clock.now += 60
    assert links(clock=clock).result("vid_1") == first


def test_a_link_lives_at_least_its_lifetime_and_not_much_longer() -> None:
    clock = Clock()
    given = token(links(clock=clock).result("vid_1"))
    clock.now += 24 * 3600
    assert links(clock=clock).read(given).id == "vid_1"
    clock.now += 3601
    with pytest.raises(NotFound) as refusal:
        links(clock=clock).read(given)
    assert refusal.value.code == "link_expired"


def test_the_newest_secret_signs_and_all_verify() -> None:
    old, both, new = links("old secret"), links("new secret", "old secret"), links("new secret")
    assert both.read(token(old.result("vid_1"))).id == "vid_1"
    assert new.read(token(both.result("vid_1"))).id == "vid_1"
    with pytest.raises(NotFound):
        new.read(token(old.result("vid_1")))


@pytest.mark.parametrize("forged", ["", ".", "abc", "a.b", "../../etc/passwd", "é", "x" * 5_000])
def test_a_token_that_we_did_not_sign_leads_nowhere(forged: str) -> None:
    with pytest.raises(NotFound):
        links().read(forged)


def test_a_changed_token_leads_nowhere() -> None:
    given = token(links().result("vid_1"))
    swapped = given[:-1] + ("A" if given[-1] != "A" else "B")
    with pytest.raises(NotFound):
        links().read(swapped)
    with pytest.raises(NotFound):
        links().read("X" + given)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\0b"])
def test_an_id_that_could_leave_a_folder_is_never_linked(name: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a link"):
        links().result(name)


@pytest.mark.parametrize("secrets", [(), ("",), ("good", "")])
def test_an_empty_secret_is_not_accepted(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Links(secrets, BASE, 60)


def test_a_callback_link_opens_no_file_and_a_file_link_is_no_callback() -> None:
    news = links().callback("task_1") or ""
    assert links().read(token(news), ["callback"]) == LinkTarget("callback", "task_1")
    with pytest.raises(NotFound):
        links().read(token(news))
    with pytest.raises(NotFound):
        links().read(token(links().result("task_1")), ["callback"])
